using Mazij.Kernels.Libtorch;
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

    /// <summary>Sorts the choices by expert.</summary>
    /// <param name="choices_TK">[tokens, k] int64, on any device.</param>
    /// <param name="experts">How many experts there are.</param>
    /// <exception cref="ArgumentOutOfRangeException">A choice is not an expert's number.</exception>
    public static TokenPermutation Create(Tensor choices_TK, int experts)
    {
        using DisposeScope scope = NewDisposeScope();
        Device device = choices_TK.device;
        Tensor choices = choices_TK.cpu().contiguous();
        long rows = choices.numel();
        Tensor tokenOfRow = empty(rows, ScalarType.Int64), pairOfRow = empty(rows, ScalarType.Int64);
        Tensor rowOfPair = empty(rows, ScalarType.Int64);
        long[] offsets = new long[experts + 1];
        ExpertSort.Run(
            new ExpertSort.Pairs(
                Address(choices), Address(tokenOfRow), Address(pairOfRow), Address(rowOfPair),
                choices_TK.shape[0], choices_TK.shape[1]),
            offsets);
        return new TokenPermutation(
            tokenOfRow.to(device).DetachFromDisposeScope(),
            pairOfRow.to(device).DetachFromDisposeScope(),
            rowOfPair.to(device).DetachFromDisposeScope(),
            offsets);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        TokenOfRow.Dispose();
        PairOfRow.Dispose();
        RowOfPair.Dispose();
    }

    private static unsafe nint Address(Tensor numbers) => (nint)TensorMemory.Pointer<long>(numbers);
}
