using System.Buffers.Binary;
using System.Numerics;

namespace Mazij.Training.TensorBoard;

/// <summary>
/// TFRecord framing: the length in 8 bytes, its masked CRC-32C, the record, the record's masked CRC-32C; little-endian.
/// </summary>
internal static class RecordStream
{
    /// <summary>Appends a record.</summary>
    public static void Write(Stream stream, ReadOnlySpan<byte> record)
    {
        Span<byte> frame = stackalloc byte[12];
        BinaryPrimitives.WriteInt64LittleEndian(frame, record.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[8..], MaskedChecksum(frame[..8]));
        stream.Write(frame);
        stream.Write(record);
        BinaryPrimitives.WriteUInt32LittleEndian(frame, MaskedChecksum(record));
        stream.Write(frame[..4]);
    }

    /// <summary>The CRC-32C, rotated and shifted: a checksum of data that holds checksums is weak without.</summary>
    internal static uint MaskedChecksum(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        for (; data.Length >= 8; data = data[8..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(data));
        foreach (byte one in data)
            crc = BitOperations.Crc32C(crc, one);
        return BitOperations.RotateRight(~crc, 15) + 0xa282ead8;
    }
}
