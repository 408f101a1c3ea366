using System.Runtime.InteropServices;
using Mazij.Formats.Safetensors;
using Mazij.Kernels.Libtorch;
using static TorchSharp.torch;

namespace Mazij.Devices.Alignment;

/// <summary>A tensor of a trace, in managed memory: floats of any width held as fp32, or whole numbers.</summary>
internal sealed class TraceTensor
{
    private readonly float[]? floats;
    private readonly long[]? integers;

    /// <summary>Floats.</summary>
    /// <param name="type">The number format they were computed in; each value fits it.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="values">Row by row.</param>
    public TraceTensor(ElementType type, IReadOnlyList<long> shape, float[] values) =>
        (Spec, floats) = (new TensorSpec("", type, shape), values);

    /// <summary>Whole numbers.</summary>
    /// <param name="shape">Sizes.</param>
    /// <param name="values">Row by row.</param>
    public TraceTensor(IReadOnlyList<long> shape, long[] values) =>
        (Spec, integers) = (new TensorSpec("", ElementType.I64, shape), values);

    /// <summary>A single fp32 number.</summary>
    public TraceTensor(double value) : this(ElementType.F32, [], [(float)value]) { }

    private TensorSpec Spec { get; }

    /// <summary>The number format.</summary>
    public ElementType Type => Spec.Type;

    /// <summary>Sizes.</summary>
    public IReadOnlyList<long> Shape => Spec.Shape;

    /// <summary>Number of elements.</summary>
    public int Count => floats?.Length ?? integers!.Length;

    /// <summary>Whether it holds whole numbers.</summary>
    public bool IsInteger => integers is not null;

    /// <summary>The floats.</summary>
    public ReadOnlySpan<float> Floats => floats;

    /// <summary>The whole numbers.</summary>
    public ReadOnlySpan<long> Integers => integers;

    /// <summary>The last size; 1 of a single number.</summary>
    public int Width => Shape.Count == 0 ? 1 : (int)Shape[^1];

    /// <summary>The root mean square.</summary>
    public double Size => RootMeanSquare(floats);

    /// <summary>The root mean square of some numbers.</summary>
    public static double RootMeanSquare(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float value in values)
            sum += (double)value * value;
        return Math.Sqrt(sum / Math.Max(1, values.Length));
    }

    /// <summary>Copies a tensor from wherever it is.</summary>
    public static TraceTensor Of(Tensor tensor)
    {
        using Tensor detached = tensor.detach();
        using Tensor here = detached.cpu();
        if (here.dtype == ScalarType.Int64)
        {
            using Tensor whole = here.contiguous();
            return new TraceTensor(whole.shape, TensorMemory.Span<long>(whole).ToArray());
        }
        using Tensor wide = here.to(ScalarType.Float32);
        using Tensor rows = wide.contiguous();
        return new TraceTensor(
            here.dtype == ScalarType.BFloat16 ? ElementType.BF16 : ElementType.F32, rows.shape, TensorMemory.Span<float>(rows).ToArray());
    }

    /// <summary>The tensor on a device; floats in a compute dtype, whole numbers as they are.</summary>
    public Tensor On(Device device, ScalarType type)
    {
        // Copied: TorchSharp's tensor() wraps the array, and products of fp32 differ in their last bits by how their operands are aligned.
        using Tensor whole = empty([.. Shape], integers is not null ? ScalarType.Int64 : ScalarType.Float32);
        if (integers is not null)
            integers.CopyTo(TensorMemory.Span<long>(whole));
        else
            floats.CopyTo(TensorMemory.Span<float>(whole));
        using Tensor typed = integers is not null ? whole.alias() : whole.to(type);
        return typed.to(device);
    }

    /// <summary>The same numbers rounded to a number format; whole numbers and fp32 stay as they are.</summary>
    public TraceTensor RoundedTo(ElementType type)
    {
        if (type != ElementType.BF16 || floats is null || Type == ElementType.BF16)
            return this;
        float[] rounded = new float[floats.Length];
        ushort[] bits = new ushort[floats.Length];
        FloatConversion.SingleToBfloat16(floats, bits);
        FloatConversion.Bfloat16ToSingle(bits, rounded);
        return new TraceTensor(type, Shape, rounded);
    }

    /// <summary>A part of the columns of a matrix.</summary>
    /// <param name="first">The first column.</param>
    /// <param name="count">Columns.</param>
    public TraceTensor Columns(int first, int count)
    {
        int width = Width, rows = width == 0 ? 0 : Count / width;
        float[] part = new float[rows * count];
        for (int row = 0; row < rows; row++)
            floats.AsSpan(row * width + first, count).CopyTo(part.AsSpan(row * count));
        return new TraceTensor(Type, [.. Shape.Take(Shape.Count - 1), count], part);
    }

    /// <summary>Matrices of as many rows side by side.</summary>
    public static TraceTensor SideBySide(params ReadOnlySpan<TraceTensor> parts)
    {
        int width = 0, rows = parts[0].Count / parts[0].Width;
        foreach (TraceTensor part in parts)
            width += part.Width;
        float[] joined = new float[rows * width];
        int at = 0;
        foreach (TraceTensor part in parts)
        {
            for (int row = 0; row < rows; row++)
                part.Floats.Slice(row * part.Width, part.Width).CopyTo(joined.AsSpan(row * width + at));
            at += part.Width;
        }
        return new TraceTensor(parts[0].Type, [rows, width], joined);
    }

    /// <summary>Whether another tensor has the same shape and the same numbers.</summary>
    public bool HasSameNumbers(TraceTensor other) =>
        ReferenceEquals(this, other) || (Shape.SequenceEqual(other.Shape) && IsInteger == other.IsInteger
        && Floats.SequenceEqual(other.Floats) && Integers.SequenceEqual(other.Integers));

    /// <summary>Sum of two tensors of one shape, in fp32, rounded to the first one's number format.</summary>
    public TraceTensor Plus(TraceTensor other)
    {
        float[] sum = new float[floats!.Length];
        for (int i = 0; i < sum.Length; i++)
            sum[i] = floats[i] + other.floats![i];
        return new TraceTensor(ElementType.F32, Shape, sum).RoundedTo(Type);
    }

    /// <summary>How it stands in a file.</summary>
    public TensorSpec Described(string name) => Spec with { Name = name };

    /// <summary>Writes elements as a file holds them.</summary>
    /// <param name="offset">First byte wanted.</param>
    /// <param name="destination">To be filled whole.</param>
    public void Fill(long offset, Span<byte> destination)
    {
        int size = Type.Size(), first = (int)(offset / size), count = destination.Length / size;
        switch (Type)
        {
            case ElementType.I64:
                integers.AsSpan(first, count).CopyTo(MemoryMarshal.Cast<byte, long>(destination));
                break;
            case ElementType.BF16:
                FloatConversion.SingleToBfloat16(floats.AsSpan(first, count), MemoryMarshal.Cast<byte, ushort>(destination));
                break;
            default:
                floats.AsSpan(first, count).CopyTo(MemoryMarshal.Cast<byte, float>(destination));
                break;
        }
    }

    /// <summary>Copies a tensor out of a file; F16 and F64, which Mazij does not write, become fp32.</summary>
    /// <exception cref="InputException">It holds neither floats nor 64-bit whole numbers, or too many.</exception>
    public static TraceTensor Read(SafetensorsTensor tensor)
    {
        if (tensor.ElementCount > Array.MaxLength / 8)
            throw new InputException($"{MessageText.OneLine(tensor.Path, 200)}: tensor {MessageText.Quote(tensor.Spec.Name)} has {tensor.ElementCount} elements, too many to compare");
        if (tensor.Spec.Type == ElementType.I64)
            return new TraceTensor(tensor.Spec.Shape, MemoryMarshal.Cast<byte, long>(tensor.Bytes.ToArray()).ToArray());
        float[] values = new float[tensor.ElementCount];
        tensor.ReadSingle(0, values);
        return new TraceTensor(tensor.Spec.Type == ElementType.BF16 ? ElementType.BF16 : ElementType.F32, tensor.Spec.Shape, values);
    }
}

/// <summary>Tensors by what they are to a component: x, weight, y, grad_x...</summary>
internal sealed class TensorMap : Dictionary<string, TraceTensor>
{
    /// <summary>The tensor of a role, which the recorder put there.</summary>
    /// <exception cref="InputException">A trace that was given has none.</exception>
    public TraceTensor Of(string role) =>
        TryGetValue(role, out TraceTensor? tensor) ? tensor : throw new InputException($"a component has no input {MessageText.Quote(role)}");
}
