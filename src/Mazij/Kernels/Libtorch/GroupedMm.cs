using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels.Libtorch;

/// <summary>
/// The products of many experts in one call: rows offsets[e-1] to offsets[e] of x times the matrix of expert e. An
/// expert may have no rows. Autograd works. On CPUs a loop of <see cref="Gemm.Mm"/> is faster; on GPUs this is the
/// fast way.
/// </summary>
internal static unsafe class GroupedMm
{
    /// <summary>Multiplies each group of rows by its matrix.</summary>
    /// <param name="x">[rows, k], sorted by group, row-major; fp32, bf16 or fp16.</param>
    /// <param name="weights">[groups, k, n], the matrices row-major or column-major.</param>
    /// <param name="offsets">
    /// [groups], 32-bit: where each group of rows ends. Ascending, the last equal to rows; that is checked on the CPU
    /// only.
    /// </param>
    /// <returns>[rows, n]; its rows are padded to 16 bytes, so it may not be contiguous.</returns>
    /// <exception cref="ArgumentException">
    /// A tensor is disposed, or of the wrong shape, type or device, or its rows do not start at multiples of 16 bytes.
    /// </exception>
    public static Tensor Apply(Tensor x, Tensor weights, Tensor offsets)
    {
        TensorFacts rows = TensorFacts.Of(x, nameof(x)).WithDimensions(2);
        TensorFacts matrices = TensorFacts.Of(weights, nameof(weights)).WithDimensions(3).LikeThatOf(rows)
            .WithSize(1, rows.Sizes[1]);
        TensorFacts ends = TensorFacts.Of(offsets, nameof(offsets)).WithDimensions(1).WithSize(0, matrices.Sizes[0])
            .OfType(ScalarType.Int32).OnDeviceOf(rows).Contiguous();
        if (rows.DType is not (ScalarType.Float32 or ScalarType.BFloat16 or ScalarType.Float16))
            throw new ArgumentException($"is {rows.DType}; fp32, bf16 or fp16 is needed", nameof(x));
        CheckAlignment(rows);
        CheckAlignment(matrices);
        if (ends.Device == DeviceType.CPU)
            CheckOffsets(new((int*)ends.Data, (int)ends.Count), rows.Sizes[0]);

        using DispatcherCall call = new("aten::_grouped_mm"u8, ""u8);
        call.Add(x);
        call.Add(weights);
        call.AddOptional(offsets);
        call.AddNone(); // bias
        call.AddNone(); // out_dtype
        return call.InvokeForTensor();
    }

    // The operator wants one stride of 1 and the other at least the row's length and a multiple of 16 bytes.
    private static void CheckAlignment(TensorFacts matrix)
    {
        ReadOnlySpan<long> sizes = matrix.Sizes[^2..], strides = matrix.Strides[^2..];
        int width = TensorMemory.ElementSize(matrix.DType);
        long other = strides[1] == 1 && strides[0] >= Math.Max(1, sizes[1]) ? strides[0]
            : strides[0] == 1 && strides[1] >= Math.Max(1, sizes[0]) ? strides[1]
            : 0;
        if (other == 0 || other * width % 16 != 0)
        {
            throw new ArgumentException(
                $"has strides [{strides[0]}, {strides[1]}]; one must be 1 and the other a multiple of {16 / width}",
                matrix.Name);
        }
        if (matrix.Device != DeviceType.META && (nuint)matrix.Data % 16 != 0)
            throw new ArgumentException("does not start at a multiple of 16 bytes", matrix.Name);
    }

    private static void CheckOffsets(ReadOnlySpan<int> offsets, long rows)
    {
        int previous = 0;
        foreach (int end in offsets)
        {
            if (end < previous)
                throw new ArgumentException($"falls from {previous} to {end}", nameof(offsets));
            previous = end;
        }
        if (previous != rows)
            throw new ArgumentException($"end at {previous}, x has {rows} rows", nameof(offsets));
    }
}
