using System.Buffers;
using Mazij.Kernels.Libtorch;

namespace Mazij.Kernels;

/// <summary>
/// A stable counting sort of (token, choice) pairs by expert. The pairs are cut into blocks; each block counts its pairs of
/// each expert; running sums over experts, and within an expert over blocks, give each block its first row with each
/// expert; then each block hands out its rows. Neither the cut nor the threads show in the result.
/// </summary>
internal static unsafe class ExpertSort
{
    // A pair takes a few nanoseconds, waking a thread tens of microseconds: fewer pairs are not worth another thread.
    private const long BlockPairs = 16384;

    /// <summary>Where the sort reads and writes: all contiguous, [tokens x perToken] each.</summary>
    /// <param name="Choices">The expert of each pair.</param>
    /// <param name="TokenOfRow">Written: the token of each row.</param>
    /// <param name="PairOfRow">Written: the pair of each row.</param>
    /// <param name="RowOfPair">Written: the row of each pair.</param>
    /// <param name="Tokens">Tokens.</param>
    /// <param name="PerToken">Choices of a token.</param>
    public readonly record struct Pairs(
        nint Choices, nint TokenOfRow, nint PairOfRow, nint RowOfPair, long Tokens, long PerToken);

    /// <summary>Sorts, and writes where each expert's rows begin.</summary>
    /// <param name="pairs">What is sorted.</param>
    /// <param name="offsets">[experts + 1]; expert e has the rows from offsets[e] to offsets[e + 1] - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A choice is not an expert's number.</exception>
    public static void Run(in Pairs pairs, Span<long> offsets)
    {
        int experts = offsets.Length - 1;
        // A block with fewer pairs than experts would spend its time on counters.
        long blockTokens = Math.Max(1, Math.Max(BlockPairs, experts) / Math.Max(1, pairs.PerToken));
        long blocks = (pairs.Tokens + blockTokens - 1) / blockTokens;
        long[] counters = ArrayPool<long>.Shared.Rent(checked((int)(blocks * experts)));
        fixed (long* first = counters)
        {
            TorchParallel.For(0, blocks, 1, new Count(pairs, first, experts, blockTokens));
            long row = 0;
            for (int expert = 0; expert < experts; expert++)
            {
                offsets[expert] = row;
                for (long block = 0; block < blocks; block++)
                {
                    long count = first[block * experts + expert];
                    first[block * experts + expert] = row;
                    row += count;
                }
            }
            offsets[experts] = row;
            TorchParallel.For(0, blocks, 1, new Place(pairs, first, experts, blockTokens));
        }
        ArrayPool<long>.Shared.Return(counters);
    }

    private readonly struct Count(Pairs pairs, long* counters, long experts, long blockTokens) : IRangeBody
    {
        public void Invoke(long begin, long end)
        {
            long* choices = (long*)pairs.Choices;
            for (long block = begin; block < end; block++)
            {
                long* counts = counters + block * experts;
                new Span<long>(counts, (int)experts).Clear();
                long last = Math.Min(pairs.Tokens, (block + 1) * blockTokens) * pairs.PerToken;
                for (long pair = block * blockTokens * pairs.PerToken; pair < last; pair++)
                {
                    if ((ulong)choices[pair] >= (ulong)experts)
                        throw new ArgumentOutOfRangeException(nameof(begin), choices[pair], "There is no such expert.");
                    counts[choices[pair]]++;
                }
            }
        }
    }

    private readonly struct Place(Pairs pairs, long* counters, long experts, long blockTokens) : IRangeBody
    {
        public void Invoke(long begin, long end)
        {
            long* choices = (long*)pairs.Choices, rowOfPair = (long*)pairs.RowOfPair;
            long* pairOfRow = (long*)pairs.PairOfRow, tokenOfRow = (long*)pairs.TokenOfRow;
            for (long block = begin; block < end; block++)
            {
                long* next = counters + block * experts;
                long last = Math.Min(pairs.Tokens, (block + 1) * blockTokens);
                long pair = block * blockTokens * pairs.PerToken;
                for (long token = block * blockTokens; token < last; token++)
                {
                    for (long choice = 0; choice < pairs.PerToken; choice++, pair++)
                    {
                        long row = next[choices[pair]]++;
                        rowOfPair[pair] = row;
                        pairOfRow[row] = pair;
                        tokenOfRow[row] = token;
                    }
                }
            }
        }
    }
}
