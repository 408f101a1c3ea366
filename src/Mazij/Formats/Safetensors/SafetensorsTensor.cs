namespace Mazij.Formats.Safetensors;

/// <summary>A tensor in an open file. Its memory is the file's mapping: valid until the file is disposed.</summary>
internal sealed unsafe class SafetensorsTensor
{
    private readonly SafetensorsFile file;
    private readonly long begin;

    internal SafetensorsTensor(SafetensorsFile file, TensorSpec spec, long begin)
    {
        this.file = file;
        Spec = spec;
        this.begin = begin;
        ElementCount = spec.ElementCount;
        ByteLength = spec.ByteLength;
    }

    /// <summary>Name, type and shape.</summary>
    public TensorSpec Spec { get; }

    /// <summary>The file it is in.</summary>
    public string Path => file.Path;

    /// <summary>Number of elements.</summary>
    public long ElementCount { get; }

    /// <summary>Number of bytes.</summary>
    public long ByteLength { get; }

    /// <summary>The first byte, little-endian, not necessarily aligned; <see cref="ByteLength"/> bytes may be
    /// read.</summary>
    public byte* Pointer => file.At(begin);

    /// <summary>All bytes.</summary>
    /// <exception cref="InvalidOperationException">More than a span can hold (2 GiB): use
    /// <see cref="Pointer"/>.</exception>
    public ReadOnlySpan<byte> Bytes => ByteLength <= int.MaxValue
        ? new ReadOnlySpan<byte>(Pointer, (int)ByteLength)
        : throw new InvalidOperationException(
            $"Tensor {Spec.Name} has {ByteLength} bytes; read it by pointer or in chunks.");

    /// <summary>Copies elements as single precision: exact from F32, F16 and BF16, rounded to nearest even from
    /// F64.</summary>
    /// <param name="start">First element.</param>
    /// <param name="destination">Receives as many elements as it is long.</param>
    /// <exception cref="InputException">The tensor does not hold floats.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Elements beyond the tensor.</exception>
    public void ReadSingle(long start, Span<float> destination)
    {
        byte* source = Elements(start, destination.Length);
        switch (Spec.Type)
        {
            case ElementType.F32:
                new ReadOnlySpan<float>(source, destination.Length).CopyTo(destination);
                break;
            case ElementType.F16:
                FloatConversion.HalfToSingle(new ReadOnlySpan<ushort>(source, destination.Length), destination);
                break;
            case ElementType.BF16:
                FloatConversion.Bfloat16ToSingle(new ReadOnlySpan<ushort>(source, destination.Length), destination);
                break;
            case ElementType.F64:
                FloatConversion.DoubleToSingle(new ReadOnlySpan<double>(source, destination.Length), destination);
                break;
            default:
                throw NotFloats();
        }
    }

    /// <summary>Copies elements as the bits of bfloat16, rounded once to nearest even; NaN stays NaN.</summary>
    /// <param name="start">First element.</param>
    /// <param name="destination">Receives as many elements as it is long.</param>
    /// <exception cref="InputException">The tensor does not hold floats.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Elements beyond the tensor.</exception>
    public void ReadBfloat16(long start, Span<ushort> destination)
    {
        byte* source = Elements(start, destination.Length);
        switch (Spec.Type)
        {
            case ElementType.F32:
                FloatConversion.SingleToBfloat16(new ReadOnlySpan<float>(source, destination.Length), destination);
                break;
            case ElementType.F16:
                FloatConversion.HalfToBfloat16(new ReadOnlySpan<ushort>(source, destination.Length), destination);
                break;
            case ElementType.BF16:
                new ReadOnlySpan<ushort>(source, destination.Length).CopyTo(destination);
                break;
            case ElementType.F64:
                FloatConversion.DoubleToBfloat16(new ReadOnlySpan<double>(source, destination.Length), destination);
                break;
            default:
                throw NotFloats();
        }
    }

    private byte* Elements(long start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, ElementCount - count);
        return Pointer + (start * Spec.Type.Size());
    }

    private InputException NotFloats() => new(
        $"{MessageText.OneLine(Path, int.MaxValue)}: tensor {MessageText.Quote(Spec.Name)} is {Spec.Type}; " +
        "floats (F32, F16, BF16 or F64) are needed here");
}
