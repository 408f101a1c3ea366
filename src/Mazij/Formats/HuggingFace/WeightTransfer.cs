using System.Runtime.InteropServices;
using Mazij.Formats.Safetensors;
using Mazij.Kernels.Libtorch;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Formats.HuggingFace;

/// <summary>Moves numbers between files and tensors, converting between fp32 and the formats of weights.</summary>
internal static class WeightTransfer
{
    private const int ChunkElements = 1 << 20;

    /// <summary>Fills a contiguous fp32 or bf16 tensor, on any device, from a file's tensor of as many elements.</summary>
    /// <param name="source">The file's tensor.</param>
    /// <param name="target">Filled whole.</param>
    /// <param name="mustBeFinite">Whether NaN and infinity are refused.</param>
    /// <exception cref="InputException">The file's tensor does not hold floats, or one that is refused.</exception>
    public static void Read(SafetensorsTensor source, Tensor target, bool mustBeFinite)
    {
        if (target.device.type == DeviceType.CPU)
        {
            ReadIntoCpu(source, target, mustBeFinite);
            return;
        }
        using Tensor staging = empty(target.numel(), target.dtype, CPU);
        ReadIntoCpu(source, staging, mustBeFinite);
        using Tensor shaped = staging.view(target.shape);
        target.copy_(shaped);
    }

    /// <summary>Writes elements of a contiguous fp32 or bf16 CPU tensor as little-endian F32 or BF16.</summary>
    /// <param name="source">The tensor.</param>
    /// <param name="firstByte">First byte wanted of the tensor as <paramref name="type"/>.</param>
    /// <param name="destination">Filled whole.</param>
    /// <param name="type">F32 or BF16.</param>
    public static unsafe void Write(Tensor source, long firstByte, Span<byte> destination, ElementType type)
    {
        long first = firstByte / type.Size();
        int count = destination.Length / type.Size();
        bool wide = source.dtype == ScalarType.Float32;
        switch (type)
        {
            case ElementType.F32 when wide:
                MemoryMarshal.AsBytes(Elements<float>(source, first, count)).CopyTo(destination);
                break;
            case ElementType.F32:
                FloatConversion.Bfloat16ToSingle(Elements<ushort>(source, first, count), MemoryMarshal.Cast<byte, float>(destination));
                break;
            case ElementType.BF16 when wide:
                FloatConversion.SingleToBfloat16(Elements<float>(source, first, count), MemoryMarshal.Cast<byte, ushort>(destination));
                break;
            case ElementType.BF16:
                MemoryMarshal.AsBytes(Elements<ushort>(source, first, count)).CopyTo(destination);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Weights are written as F32 or BF16.");
        }
    }

    private static unsafe ReadOnlySpan<T> Elements<T>(Tensor source, long first, int count)
        where T : unmanaged => new(TensorMemory.Pointer<T>(source) + first, count);

    private static unsafe void ReadIntoCpu(SafetensorsTensor source, Tensor target, bool mustBeFinite)
    {
        long total = target.numel();
        for (long start = 0; start < total; start += ChunkElements)
        {
            int count = (int)Math.Min(ChunkElements, total - start), other;
            if (target.dtype == ScalarType.Float32)
            {
                Span<float> numbers = new(TensorMemory.Pointer<float>(target) + start, count);
                source.ReadSingle(start, numbers);
                other = mustBeFinite ? FiniteNumbers.IndexOfOther(numbers) : -1;
            }
            else
            {
                Span<ushort> numbers = new(TensorMemory.Pointer<ushort>(target) + start, count);
                source.ReadBfloat16(start, numbers);
                other = mustBeFinite ? FiniteNumbers.IndexOfOther(numbers) : -1;
            }
            if (other >= 0)
            {
                throw new InputException(
                    $"{source.Path}: tensor {MessageText.Quote(source.Spec.Name)}: element {start + other} is NaN or infinite; the weights are damaged, or of a training that diverged");
            }
        }
    }
}
