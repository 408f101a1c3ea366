using static Mazij.Text.Corpora.ThriftField;

namespace Mazij.Text.Corpora;

/// <summary>
/// Checks the headers of the pages of one column of a row group before they are decoded: the decoder makes room for whatever sizes
/// they announce, 2 GiB for each number that is damaged.
/// </summary>
internal static class ParquetPages
{
    private const int FirstPeek = 1 << 12;
    private const int UncompressedSize = 2, CompressedSize = 3;
    private const int DataPage = 5, DictionaryPage = 7, DataPageV2 = 8;

    private static readonly ThriftField pageHeader = Describe();

    /// <summary>Walks from header to header until the pages hold as many values as the column is said to have.</summary>
    /// <param name="file">The file; its position is left anywhere.</param>
    /// <param name="start">Where the first page begins.</param>
    /// <param name="values">Values of the column in the row group.</param>
    /// <param name="maximumBytes">Most bytes that the pages may have decompressed, together.</param>
    /// <exception cref="InvalidDataException">A header is none, or announces what cannot be.</exception>
    public static void Check(Stream file, long start, long values, long maximumBytes)
    {
        long position = start, bytes = 0;
        for (long seen = 0; seen < values;)
        {
            Header header = ReadHeader(file, position);
            long begin = position + header.Length;
            if (header.Compressed < 0 || header.Compressed > file.Length - begin)
                throw new InvalidDataException($"the page at byte {position} would have {header.Compressed} bytes, the file has {file.Length - begin} left");
            bytes += header.Uncompressed;
            if (header.Uncompressed < 0 || bytes > maximumBytes)
                throw new InvalidDataException($"the page at byte {position} would have {header.Uncompressed} bytes decompressed");
            if (header.Values < 0 || header.Entries < 0 || header.Values > values - seen || header.Entries > values)
                throw new InvalidDataException($"the page at byte {position} would have {Math.Max(header.Values, header.Entries)} values, the column has {values}");
            seen += header.Values;
            position = begin + header.Compressed;
        }
    }

    private static Header ReadHeader(Stream file, long position)
    {
        if (position < 0 || position >= file.Length)
            throw new InvalidDataException($"a page would begin at byte {position}, the file has {file.Length}");
        long left = file.Length - position;
        for (long peek = FirstPeek; ; peek *= 16)
        {
            byte[] bytes = new byte[Math.Min(peek, left)];
            file.Position = position;
            file.ReadExactly(bytes);
            long uncompressed = 0, compressed = 0, values = 0, entries = 0;
            void Keep(int within, int field, long number)
            {
                switch (within, field)
                {
                    case (0, UncompressedSize): uncompressed = number; break;
                    case (0, CompressedSize): compressed = number; break;
                    case (DataPage, 1) or (DataPageV2, 1): values = number; break;
                    case (DictionaryPage, 1): entries = number; break;
                }
            }
            try
            {
                return new Header(new ThriftWalk(bytes, Keep).Struct(pageHeader), uncompressed, compressed, values, entries);
            }
            catch (EndOfStreamException) when (bytes.Length < left && peek < ParquetSource.MaximumPageHeader)
            {
                // Statistics may hold a whole document as the least or the greatest value: look further.
            }
        }
    }

    /// <summary>PageHeader, field by field as in parquet.thrift of format 2.11.</summary>
    private static ThriftField Describe()
    {
        ThriftField statistics = Of(Binary, Binary, Number, Number, Binary, Binary, Flag, Flag);
        return Of(
            Number, Number, Number, Number, Of(Number, Number, Number, Number, statistics), Of(), Of(Number, Number, Flag),
            Of(Number, Number, Number, Number, Number, Number, Flag, statistics));
    }

    /// <summary>What a page's header says.</summary>
    /// <param name="Length">Bytes of the header itself.</param>
    /// <param name="Uncompressed">Bytes of the page decompressed.</param>
    /// <param name="Compressed">Its bytes in the file.</param>
    /// <param name="Values">Values of a page of data.</param>
    /// <param name="Entries">Entries of a dictionary.</param>
    private readonly record struct Header(int Length, long Uncompressed, long Compressed, long Values, long Entries);
}
