using System.Runtime.CompilerServices;
using Mazij.Kernels.Libtorch;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels.Simd;

/// <summary>
/// A tensor [..., width] on the CPU as numbered rows, in the order of its indices, whatever the strides of the leading
/// dimensions: the heads inside a fused projection, or a transposed result, are read and written where they are.
/// Neighbouring dimensions that are one in memory are joined; up to three may remain.
/// </summary>
internal readonly unsafe struct StridedRows
{
    private readonly byte* data;
    private readonly long middleCount, innerCount, outerBytes, middleBytes, innerBytes;

    private StridedRows(TensorFacts facts, ReadOnlySpan<long> counts, ReadOnlySpan<long> strides)
    {
        long size = TensorMemory.ElementSize(facts.DType);
        data = (byte*)facts.Data;
        DType = facts.DType;
        Width = facts.Sizes[^1];
        (innerCount, innerBytes) = (counts[0], strides[0] * size);
        (middleCount, middleBytes) = (counts[1], strides[1] * size);
        outerBytes = strides[2] * size;
        Count = counts[0] * counts[1] * counts[2];
    }

    /// <summary>Numbers in a row.</summary>
    public long Width { get; }

    /// <summary>How many rows there are.</summary>
    public long Count { get; }

    /// <summary>Single precision or bfloat16.</summary>
    public ScalarType DType { get; }

    /// <summary>Whether this is the address of every row: row index times a constant.</summary>
    private bool IsPlain => innerCount == Count;

    /// <summary>How many rows a thread should get at least, so that starting it is worth while.</summary>
    public long Grain => Math.Max(1, 16384 / Math.Max(1, Width));

    /// <summary>The address of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void* Row(long index)
    {
        if (IsPlain)
            return data + index * innerBytes;
        (long rest, long inner) = Math.DivRem(index, innerCount);
        (long outer, long middle) = Math.DivRem(rest, middleCount);
        return data + outer * outerBytes + middle * middleBytes + inner * innerBytes;
    }

    /// <summary>Whether the kernels of this folder can work on such a tensor: fp32 or bf16 on the CPU.</summary>
    public static bool Serve(Tensor tensor) =>
        tensor.device_type == DeviceType.CPU && tensor.dtype is (ScalarType.Float32 or ScalarType.BFloat16);

    /// <summary>The rows of a tensor.</summary>
    /// <param name="tensor">fp32 or bf16, on the CPU, any shape with a last dimension.</param>
    /// <param name="name">The argument's name, for messages.</param>
    /// <exception cref="ArgumentException">It is of another type or device, or its strides cannot be expressed.</exception>
    public static StridedRows Of(Tensor tensor, string name) => TryOf(tensor, name, out StridedRows rows)
        ? rows
        : throw new ArgumentException("has numbers of a row apart from one another, or more than three strides", name);

    /// <summary>The tensor, or a contiguous copy of it if its strides cannot be expressed.</summary>
    public static Tensor Addressable(Tensor tensor) =>
        TryOf(tensor, nameof(tensor), out _) ? tensor : tensor.contiguous();

    private static bool TryOf(Tensor tensor, string name, out StridedRows rows)
    {
        TensorFacts facts = TensorFacts.Of(tensor, name);
        if (facts.Device != DeviceType.CPU || facts.Sizes.Length == 0
            || facts.DType is not (ScalarType.Float32 or ScalarType.BFloat16))
        {
            throw new ArgumentException($"is {facts.DType} on {facts.Device}; fp32 or bf16 rows on the CPU are needed", name);
        }
        rows = default;
        if (facts.Strides[^1] != 1 && facts.Sizes[^1] > 1)
            return false;
        Span<long> counts = [1, 1, 1], strides = [0, 0, 0];
        int used = 0;
        for (int i = facts.Sizes.Length - 2; i >= 0; i--)
        {
            (long size, long stride) = (facts.Sizes[i], facts.Strides[i]);
            if (size == 1)
                continue;
            if (used > 0 && stride == counts[used - 1] * strides[used - 1])
            {
                counts[used - 1] *= size;
                continue;
            }
            if (used == counts.Length)
                return false;
            (counts[used], strides[used]) = (size, stride);
            used++;
        }
        rows = new StridedRows(facts, counts, strides);
        return true;
    }
}
