using Mazij.Generation;
using Mazij.Models;
using Mazij.Tests.Kernels;
using Mazij.Tests.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Generation;

public sealed class CachedGenerationTests
{
    public static TheoryData<string> Fixtures => ReferenceFixture.All;

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Greedy_text_over_the_cache_is_the_text_of_full_recomputation(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using ReferenceFixture fixture = new(name);
        using MoeTransformer model = fixture.Load();
        List<long> sequence = [.. fixture.Integers("input_ids")[..5]];
        int[] prompt = [.. sequence.Select(id => (int)id)];
        (List<int> written, FinishReason reason) = new TextGenerator(model).Generate(
            prompt, new SamplingOptions { MaxTokens = 40 }, endId: null, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(FinishReason.Length, reason);
        Assert.Equal(40, written.Count);
        foreach (int id in written)
        {
            using DisposeScope inner = NewDisposeScope();
            double[] logits = Numbers.Doubles(model.Infer(tensor(sequence.ToArray(), [1, sequence.Count]), lastOnly: true));
            Assert.Equal(Array.IndexOf(logits, logits.Max()), id);
            sequence.Add(id);
        }
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Logits_over_the_cache_match_however_the_text_is_cut(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using ReferenceFixture fixture = new(name);
        using MoeTransformer model = fixture.Load();
        Tensor ids = fixture.Ids();
        double[] expected = fixture["logits"];
        foreach (int[] pieces in (int[][])[[24], [1, 23], [7, 1, 1, 15], [.. Enumerable.Repeat(1, 24)]])
        {
            using KvCache cache = new(model.Config, 2, 24, ScalarType.Float32, CPU);
            List<Tensor> logits = [];
            foreach (int piece in pieces)
                logits.Add(model.Infer(ids.narrow(1, cache.Length, piece), cache));
            Assert.Equal(24, cache.Length);
            double[] seen = Numbers.Doubles(cat(logits, 1));
            Assert.True(expected.Zip(seen, (a, b) => Math.Abs(a - b)).Max() <= 1e-4);
        }
    }

    [Fact]
    public void Text_ends_at_the_models_longest_sequence()
    {
        using DisposeScope scope = NewDisposeScope();
        using ReferenceFixture fixture = new("ling1-tiny");
        using MoeTransformer model = fixture.Load();
        int[] prompt = [.. Enumerable.Range(0, model.Config.MaxPositionEmbeddings - 3)];
        int[] fitting = [.. prompt.Select(id => id % model.Config.VocabSize)];
        (List<int> written, FinishReason reason) = new TextGenerator(model).Generate(
            fitting, new SamplingOptions { MaxTokens = 50 }, endId: null, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal((3, FinishReason.Length), (written.Count, reason));
    }
}
