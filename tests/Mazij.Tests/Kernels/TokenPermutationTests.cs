using CsCheck;
using Mazij.Kernels;
using Mazij.Tests.Kernels.Simd;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels;

public sealed class TokenPermutationTests
{
    [Fact]
    public void Every_choice_of_every_token_has_exactly_one_row_among_its_experts_rows()
    {
        Gen.Select(Gen.Int[1, 40], Gen.Int[1, 6], Gen.Int[1, 12], Gen.Int).Sample((tokens, perToken, experts, seed) =>
        {
            Random random = new(seed);
            // Skewed, so that some experts get nothing and some get nearly all.
            long[] choices = [.. Enumerable.Range(0, tokens * perToken)
                .Select(_ => (long)(experts * Math.Pow(random.NextDouble(), 3)))];
            Check(choices, tokens, perToken, experts);
        }, iter: 300);
    }

    [Fact]
    public void All_tokens_on_the_last_expert_keep_their_order()
    {
        Check([.. Enumerable.Repeat(4L, 9)], 9, 1, 5);
    }

    [Fact]
    public void Many_blocks_are_sorted_as_one()
    {
        Random random = new(3);
        long[] choices = [.. Enumerable.Range(0, 20_000 * 3).Select(_ => (long)(7 * Math.Pow(random.NextDouble(), 3)))];
        Check(choices, 20_000, 3, 7);
    }

    [Fact]
    public void The_number_of_threads_changes_nothing()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor choices = randint(0, 11, [20_000, 4], ScalarType.Int64);
        KernelComparison.AssertSameForAnyThreads(() =>
        {
            TokenPermutation permutation = TokenPermutation.Create(choices, 11);
            return [permutation.TokenOfRow, permutation.PairOfRow, permutation.RowOfPair, tensor(permutation.Offsets)];
        });
    }

    [Fact]
    public void A_view_of_choices_is_read_as_what_it_shows()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor choices = randint(0, 5, [3, 40], ScalarType.Int64).t();
        using TokenPermutation view = TokenPermutation.Create(choices, 5), copy = TokenPermutation.Create(choices.contiguous(), 5);
        Assert.Equal(copy.PairOfRow.data<long>().ToArray(), view.PairOfRow.data<long>().ToArray());
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(4)]
    public void An_expert_that_does_not_exist_is_refused(long expert)
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Throws<ArgumentOutOfRangeException>(() => TokenPermutation.Create(tensor([0, expert, 3, 1], [2, 2]), 4));
    }

    private static void Check(long[] choices, int tokens, int perToken, int experts)
    {
        using DisposeScope scope = NewDisposeScope();
        using TokenPermutation permutation = TokenPermutation.Create(tensor(choices, [tokens, perToken]), experts);
        long[] tokenOfRow = permutation.TokenOfRow.data<long>().ToArray();
        long[] pairOfRow = permutation.PairOfRow.data<long>().ToArray();
        long[] rowOfPair = permutation.RowOfPair.data<long>().ToArray();
        Assert.Equal(experts + 1, permutation.Offsets.Length);
        Assert.Equal(0, permutation.Offsets[0]);
        Assert.Equal(choices.Length, permutation.Offsets[^1]);
        Assert.Equal(Enumerable.Range(0, choices.Length).Select(i => (long)i), rowOfPair.Order());
        for (int expert = 0; expert < experts; expert++)
        {
            long begin = permutation.Offsets[expert], end = permutation.Offsets[expert + 1];
            Assert.Equal(choices.Count(choice => choice == expert), end - begin);
            for (long row = begin; row < end; row++)
            {
                Assert.Equal(expert, choices[pairOfRow[row]]);
                Assert.Equal(pairOfRow[row] / perToken, tokenOfRow[row]);
                Assert.Equal(row, rowOfPair[pairOfRow[row]]);
                Assert.True(row == begin || tokenOfRow[row] >= tokenOfRow[row - 1]);
            }
        }
    }
}
