using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

/// <summary>
/// The order in which the rows of the experts' matrices stand: all (token, choice) pairs sorted by expert, and within an
/// expert by token. Dropless: every pair has a row, whatever the imbalance.
/// </summary>
internal sealed class TokenPermutation : IDisposable
{
    private TokenPermutation(Tensor tokenOfRow, Tensor pairOfRow, Tensor rowOfPair, long[] offsets)
    {
        TokenOfRow = tokenOfRow;
        PairOfRow = pairOfRow;
        RowOfPair = rowOfPair;
        Offsets = offsets;
    }

    /// <summary>[tokens x k]: the token whose hidden state a row holds.</summary>
    public Tensor TokenOfRow { get; }

    /// <summary>[tokens x k]: the flat index token x k + choice of a row.</summary>
    public Tensor PairOfRow { get; }

    /// <summary>[tokens x k]: the row of each flat index token x k + choice; the inverse of <see cref="PairOfRow"/>.</summary>
    public Tensor RowOfPair { get; }

    /// <summary>Rows Offsets[e] .. Offsets[e + 1] belong to expert e.</summary>
    public long[] Offsets { get; }

    /// <summary>A counting sort of the choices [tokens, k] (int64, any device) over <paramref name="experts"/>.</summary>
    public static TokenPermutation Create(Tensor choices_TK, int experts)
    {
        using DisposeScope scope = NewDisposeScope();
        long perToken = choices_TK.shape[1];
        ReadOnlySpan<long> choices = choices_TK.cpu().contiguous().data<long>().ToArray();
        long[] offsets = new long[experts + 1];
        foreach (long expert in choices)
            offsets[expert + 1]++;
        for (int expert = 0; expert < experts; expert++)
            offsets[expert + 1] += offsets[expert];

        long[] tokenOfRow = new long[choices.Length], pairOfRow = new long[choices.Length], rowOfPair = new long[choices.Length];
        long[] next = offsets.AsSpan(0, experts).ToArray();
        for (int pair = 0; pair < choices.Length; pair++)
        {
            long row = next[choices[pair]]++;
            rowOfPair[pair] = row;
            pairOfRow[row] = pair;
            tokenOfRow[row] = pair / perToken;
        }
        Device device = choices_TK.device;
        return new TokenPermutation(
            tensor(tokenOfRow, device: device).DetachFromDisposeScope(),
            tensor(pairOfRow, device: device).DetachFromDisposeScope(),
            tensor(rowOfPair, device: device).DetachFromDisposeScope(),
            offsets);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        TokenOfRow.Dispose();
        PairOfRow.Dispose();
        RowOfPair.Dispose();
    }
}
