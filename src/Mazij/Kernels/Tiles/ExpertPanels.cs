using Mazij.Kernels.Simd;

namespace Mazij.Kernels.Tiles;

/// <summary>How an expert's two products over a piece of rows are cut into panels of packed weights: the upper one from hidden to
/// the expert's width, the lower one back to hidden.</summary>
internal readonly struct ExpertPanels<TLanes> where TLanes : struct, ILanes
{
    private readonly long upperMatrices;

    /// <summary>Cuts both products.</summary>
    /// <param name="hidden">Numbers of a token's row.</param>
    /// <param name="width">Columns of the upper product, for each of its matrices.</param>
    /// <param name="upperMatrices">Matrices whose panels the upper product takes side by side.</param>
    /// <param name="lowerDepth">Numbers that the lower product sums over.</param>
    public ExpertPanels(long hidden, long width, long upperMatrices, long lowerDepth)
    {
        this.upperMatrices = upperMatrices;
        InputStride = TilePacking.PaddedK<TLanes>(hidden);
        LowerStride = TilePacking.PaddedK<TLanes>(lowerDepth);
        UpperColumns = ExpertWork.PanelColumns(width, hidden, TLanes.Size, upperMatrices);
        LowerColumns = ExpertWork.PanelColumns(hidden, lowerDepth, TLanes.Size);
    }

    /// <summary>Numbers of a gathered row of the upper product's input.</summary>
    public long InputStride { get; }

    /// <summary>Numbers of a row of the lower product's input.</summary>
    public long LowerStride { get; }

    /// <summary>Columns of a panel of the upper product.</summary>
    public long UpperColumns { get; }

    /// <summary>Columns of a panel of the lower product.</summary>
    public long LowerColumns { get; }

    /// <summary>Bytes of the gathered input of so many rows.</summary>
    public long InputBytes(long rows) => ExpertWork.RoundedRows(rows) * InputStride * TLanes.Size;

    /// <summary>Bytes of the lower product's input of so many rows.</summary>
    public long LowerInputBytes(long rows) => ExpertWork.RoundedRows(rows) * LowerStride * TLanes.Size;

    /// <summary>Bytes of the packed weights of one panel.</summary>
    public long PackedBytes => Math.Max(upperMatrices * UpperColumns * InputStride, LowerColumns * LowerStride) * TLanes.Size;

    /// <summary>Bytes of the fp32 tile of one product.</summary>
    public long TileBytes => ExpertWork.TileRows * Math.Max(upperMatrices * UpperColumns, LowerColumns) * sizeof(float);
}
