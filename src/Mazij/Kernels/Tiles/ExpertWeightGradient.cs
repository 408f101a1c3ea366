using Mazij.Kernels.Simd;

namespace Mazij.Kernels.Tiles;

/// <summary>Where the gradients of one set of expert weights go, and whether they are added there.</summary>
internal readonly unsafe record struct ExpertGradient(nint GateUp, nint Down, bool AddsToGateUp, bool AddsToDown)
{
    /// <summary>The addresses of two fp32 gradients.</summary>
    public static ExpertGradient Of(GradientTarget gateUp, GradientTarget down) => new(
        (nint)ExpertWork.Address(gateUp.Gradient), (nint)ExpertWork.Address(down.Gradient), gateUp.Accumulates, down.Accumulates);
}

/// <summary>
/// The gradients of one expert's weights over all of its rows: dDown [D, F] = dy^T (w h) and d[Gate | Up] [2 F, D] =
/// [dg | du]^T x. Piece 2 i is the second of expert i (shared last), piece 2 i + 1 the first.
/// </summary>
internal readonly unsafe struct ExpertWeightGradient<TLanes>(
    ExpertWork work, ReadOnlyMemory<long> offsets, byte* hidden, byte* weighted, byte* sharedWeighted,
    ExpertGradient routed, ExpertGradient shared) : ITileJob
    where TLanes : struct, ILanes
{
    private readonly ExpertWork work = work;
    private readonly ReadOnlyMemory<long> offsets = offsets;
    private readonly byte* hidden = hidden, weighted = weighted, sharedWeighted = sharedWeighted;
    private readonly ExpertGradient routed = routed, shared = shared;

    /// <summary>Memory that a piece takes.</summary>
    public static long ScratchBytes(ExpertWork work, long mostRows)
    {
        long most = 0;
        foreach ((long width, long rows) in (ReadOnlySpan<(long, long)>)[(work.Width, mostRows), (work.SharedWidth, work.Tokens)])
        {
            if (width == 0)
                continue;
            most = Math.Max(most, ExpertGradientTile.ScratchBytes<TLanes>(rows, work.Hidden, width));
            most = Math.Max(most, ExpertGradientTile.ScratchBytes<TLanes>(rows, 2 * width, work.Hidden));
        }
        return most;
    }

    /// <inheritdoc/>
    public void Invoke(long index, ref TileScratch scratch)
    {
        // The shared expert has by far the most rows: first, so that no thread is left with it at the end.
        int experts = offsets.Length - 1, expert = (int)(index / 2) - (work.SharedWidth > 0 ? 1 : 0);
        bool upper = index % 2 == 0, isShared = expert < 0;
        long width = work.WidthOf(expert), rowBytes = work.Hidden * TLanes.Size, gateUpCount = 2 * width * work.Hidden;
        ReadOnlySpan<long> bounds = offsets.Span;
        ExpertPiece piece = isShared
            ? new ExpertPiece(-1, 0, work.Tokens)
            : new ExpertPiece(expert, bounds[expert], bounds[expert + 1] - bounds[expert]);
        ExpertGradient target = isShared ? shared : routed;
        long which = Math.Max(expert, 0);
        if (upper)
        {
            ExpertGradientTile.Run<TLanes>(
                new RowSource(work.ActivationsOf(piece, TLanes.Size), 2 * width * TLanes.Size, null),
                work.RowsOf(hidden, piece, rowBytes), piece.Count, 2 * width, work.Hidden,
                (float*)target.GateUp + which * gateUpCount, target.AddsToGateUp, ref scratch);
            return;
        }
        byte* activation = (isShared ? sharedWeighted : weighted) + piece.First * width * TLanes.Size;
        ExpertGradientTile.Run<TLanes>(
            work.RowsOf(work.Input, piece, rowBytes), new RowSource(activation, width * TLanes.Size, null), piece.Count,
            work.Hidden, width, (float*)target.Down + which * gateUpCount / 2, target.AddsToDown, ref scratch);
    }
}
