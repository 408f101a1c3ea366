using System.Buffers.Binary;
using static Mazij.Text.Corpora.ThriftField;

namespace Mazij.Text.Corpora;

/// <summary>
/// Checks that the footer of a Parquet file is what parquet.thrift says, and ends where its bytes end. The decoder does not notice
/// when it has come to their end: without this, a single wrong bit can make it read for ever.
/// </summary>
internal static class ParquetFooter
{
    private const int TrailerBytes = 8;

    private static readonly ThriftField fileMetaData = Describe();

    /// <summary>Checks the footer of a file; leaves the file at its start.</summary>
    /// <exception cref="InvalidDataException">It is no footer.</exception>
    public static void Check(Stream file)
    {
        byte[] trailer = new byte[TrailerBytes];
        if (file.Length < 4 + TrailerBytes) throw new InvalidDataException("the file is too short");
        file.Position = file.Length - TrailerBytes;
        file.ReadExactly(trailer);
        if (!trailer.AsSpan(4).SequenceEqual("PAR1"u8)) throw new InvalidDataException("the file does not end as Parquet does");
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(trailer);
        if (length > file.Length - 4 - TrailerBytes || length > Array.MaxLength)
            throw new InvalidDataException($"it would have {length} bytes, the file has {file.Length}");
        byte[] footer = new byte[length];
        file.Position = file.Length - TrailerBytes - length;
        file.ReadExactly(footer);
        file.Position = 0;
        new ThriftWalk(footer).Struct(fileMetaData);
    }

    /// <summary>FileMetaData and what is in it, field by field as in parquet.thrift of format 2.11.</summary>
    private static ThriftField Describe()
    {
        ThriftField empty = Of();
        ThriftField unit = Of(empty, empty, empty);
        ThriftField time = Of(Flag, unit);
        ThriftField logicalType = Of(
            empty, empty, empty, empty, Of(Number, Number), empty, time, time, null, Of(OneByte, Flag), empty, empty, empty, empty, empty, Of(OneByte), Of(Binary),
            Of(Binary, Number));
        ThriftField schemaElement = Of(Number, Number, Number, Binary, Number, Number, Number, Number, Number, logicalType);
        ThriftField keyValue = Of(Binary, Binary);
        ThriftField statistics = Of(Binary, Binary, Number, Number, Binary, Binary, Flag, Flag);
        ThriftField sizeStatistics = Of(Number, Number.List(), Number.List());
        ThriftField box = Of(EightBytes, EightBytes, EightBytes, EightBytes, EightBytes, EightBytes, EightBytes, EightBytes);
        ThriftField columnMetaData = Of(
            Number, Number.List(), Binary.List(), Number, Number, Number, Number, keyValue.List(), Number, Number, Number, statistics,
            Of(Number, Number, Number).List(), Number, Number, sizeStatistics, Of(box, Number.List()));
        ThriftField columnCrypto = Of(empty, Of(Binary.List(), Binary));
        ThriftField columnChunk = Of(Binary, Number, columnMetaData, Number, Number, Number, Number, columnCrypto, Binary);
        ThriftField rowGroup = Of(columnChunk.List(), Number, Number, Of(Number, Flag, Flag).List(), Number, Number, Number);
        ThriftField cipher = Of(Binary, Binary, Flag);
        return Of(
            Number, schemaElement.List(), Number, rowGroup.List(), keyValue.List(), Binary, Of(empty).List(), Of(cipher, cipher), Binary);
    }
}
