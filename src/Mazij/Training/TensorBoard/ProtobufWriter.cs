using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Mazij.Training.TensorBoard;

/// <summary>Writes the few kinds of protobuf fields that TensorBoard's events are made of.</summary>
internal sealed class ProtobufWriter
{
    private enum Wire
    {
        Varint = 0,
        Fixed64 = 1,
        Bytes = 2,
        Fixed32 = 5,
    }

    private readonly ArrayBufferWriter<byte> buffer = new();

    /// <summary>What was written.</summary>
    public ReadOnlySpan<byte> Written => buffer.WrittenSpan;

    /// <summary>Begins anew.</summary>
    public void Clear() => buffer.ResetWrittenCount();

    /// <summary>An int64 or an enum.</summary>
    public void Integer(int field, long value)
    {
        Tag(field, Wire.Varint);
        Varint((ulong)value);
    }

    /// <summary>A double.</summary>
    public void Number(int field, double value)
    {
        Tag(field, Wire.Fixed64);
        Span<byte> bytes = stackalloc byte[sizeof(double)];
        BinaryPrimitives.WriteDoubleLittleEndian(bytes, value);
        buffer.Write(bytes);
    }

    /// <summary>A float.</summary>
    public void Single(int field, float value)
    {
        Tag(field, Wire.Fixed32);
        Span<byte> bytes = stackalloc byte[sizeof(float)];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
        buffer.Write(bytes);
    }

    /// <summary>A string, as UTF-8.</summary>
    public void Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    /// <summary>A message within this one, or bytes.</summary>
    public void Bytes(int field, ReadOnlySpan<byte> value)
    {
        Tag(field, Wire.Bytes);
        Varint((ulong)value.Length);
        buffer.Write(value);
    }

    private void Tag(int field, Wire wire) => Varint((ulong)((field << 3) | (int)wire));

    private void Varint(ulong value)
    {
        Span<byte> bytes = stackalloc byte[10];
        int count = 0;
        for (; value >= 0x80; value >>= 7)
            bytes[count++] = (byte)(value | 0x80);
        bytes[count++] = (byte)value;
        buffer.Write(bytes[..count]);
    }
}
