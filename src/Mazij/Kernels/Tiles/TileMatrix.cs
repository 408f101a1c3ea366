using Mazij.Kernels.Libtorch;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels.Tiles;

/// <summary>A matrix [rows, columns] on the CPU whose rows can be read or written where they are. Valid while its tensor is
/// alive.</summary>
internal readonly unsafe struct TileMatrix
{
    private TileMatrix(in TensorFacts facts)
    {
        Data = facts.Data;
        (Rows, Columns) = (facts.Sizes[0], facts.Sizes[1]);
        Stride = Rows > 1 ? facts.Strides[0] : Columns;
        DType = facts.DType;
    }

    private TileMatrix(void* data, long rows, TileMatrix whole)
    {
        Data = data;
        Rows = rows;
        (Columns, Stride, DType) = (whole.Columns, whole.Stride, whole.DType);
    }

    /// <summary>The first number.</summary>
    public void* Data { get; }

    /// <summary>How many rows there are.</summary>
    public long Rows { get; }

    /// <summary>Numbers of a row.</summary>
    public long Columns { get; }

    /// <summary>Distance of the rows in numbers; at least <see cref="Columns"/>.</summary>
    public long Stride { get; }

    /// <summary>The numbers' type.</summary>
    public ScalarType DType { get; }

    /// <summary>The rows as what packing reads.</summary>
    public RowSource Source => new(Data, Stride * TensorMemory.ElementSize(DType), null);

    /// <summary>Some of the rows.</summary>
    public TileMatrix Slice(long first, long count) =>
        new((byte*)Data + first * Stride * TensorMemory.ElementSize(DType), count, this);

    /// <summary>The tensor as such a matrix, if it is one: two dimensions, not empty, numbers of a row side by side.</summary>
    public static bool TryOf(Tensor tensor, out TileMatrix matrix)
    {
        matrix = default;
        TensorFacts facts = TensorFacts.Of(tensor, nameof(tensor));
        if (facts.Device != DeviceType.CPU || facts.Sizes.Length != 2 || facts.Count == 0)
            return false;
        if (facts.Sizes[1] > 1 && facts.Strides[1] != 1 || facts.Sizes[0] > 1 && facts.Strides[0] < facts.Sizes[1])
            return false;
        matrix = new TileMatrix(facts);
        return true;
    }

    /// <summary>As <see cref="TryOf"/>, for tensors that must be such matrices.</summary>
    /// <exception cref="ArgumentException">It is none.</exception>
    public static TileMatrix Of(Tensor tensor, string name) => TryOf(tensor, out TileMatrix matrix)
        ? matrix
        : throw new ArgumentException("is empty, not on the CPU, or no matrix with the numbers of a row side by side", name);
}
