using System.Buffers;
using Mazij.Configuration;
using Parquet;
using Parquet.Meta;
using Parquet.Schema;

namespace Mazij.Text.Corpora;

/// <summary>
/// A .parquet file: one document per row, from one column, the others are not read. One row group of that column is in
/// memory at a time, as it is decompressed; a row without a value gives no document.
/// </summary>
internal sealed class ParquetSource(string path) : IDocumentSource
{
    private const int ListedColumns = 12;

    public IReadOnlyList<string> Paths => [path];

    /// <summary>Largest column of a row group, in bytes decompressed, and most rows, that are read: bounds the memory
    /// that a file can ask for.</summary>
    internal long MaximumColumnBytes { get; init; } = 1L << 30;

    /// <summary>Bytes that are looked through for the end of a page's header.</summary>
    internal const int MaximumPageHeader = 1 << 24;

    internal long MaximumRows { get; init; } = 1 << 24;

    public IEnumerable<Document> Read(CorpusOptions options, CorpusTally tally)
    {
        using FileStream stream = SourceFile.OpenFile(path);
        long length = stream.Length;
        ParquetReader reader = Guard("footer", () =>
        {
            ParquetFooter.Check(stream);
            return ParquetReader.CreateAsync(new EndedStream(stream), leaveStreamOpen: true);
        });
        try
        {
            DataField column = Column(reader, options.JsonField);
            long row = 0;
            for (int group = 0; group < reader.RowGroupCount; group++)
            {
                foreach (ReadOnlyMemory<byte>? value in Rows(stream, reader, group, column))
                {
                    if (value is { } text) yield return Document.Create(path, row, Normalised(text.Span, row, column.Name));
                    row++;
                }
                tally.InputBytes += (length * (group + 1) / reader.RowGroupCount) - (length * group / reader.RowGroupCount);
            }
        }
        finally
        {
            reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    /// <summary>The column that holds the text, as one of bytes: what is in it is checked here, not replaced.</summary>
    private DataField Column(ParquetReader reader, string name)
    {
        IReadOnlyList<Field> fields = Guard("schema", () => Task.FromResult(reader.Schema.Fields));
        Field? field = fields.FirstOrDefault(field => field.Name == name);
        if (field is null)
        {
            string[] names = [.. fields.Select(field => field.Name)];
            string hint = NearestName.Hint(name, names);
            if (hint.Length == 0)
                hint = $"; it has {string.Join(", ", names.Take(ListedColumns).Select(known => MessageText.OneLine(known, 40)))}{(names.Length > ListedColumns ? ", ..." : "")}";
            throw new InputException($"'{path}' has no column '{name}'{hint}");
        }
        if (field is not DataField { IsArray: false } data
            || (data.ClrType != typeof(ReadOnlyMemory<char>) && data.ClrType != typeof(ReadOnlyMemory<byte>)))
        {
            string kind = field is DataField { IsArray: false } other ? other.ClrType.Name : "a nested value";
            throw new InputException($"'{path}' has a column '{name}' of {kind}: name one of strings.");
        }
        return new ParquetSchema(new DataField<ReadOnlyMemory<byte>>(name, data.IsNullable)).DataFields[0];
    }

    private ReadOnlyMemory<byte>?[] Rows(FileStream file, ParquetReader reader, int group, DataField column) =>
        Guard($"row group {group}", async () =>
        {
            using ParquetRowGroupReader rows = reader.OpenRowGroupReader(group);
            ColumnMetaData? about = rows.GetMetadata(column)?.MetaData;
            long bytes = about?.TotalUncompressedSize ?? 0;
            if (bytes > MaximumColumnBytes || rows.RowCount > MaximumRows)
            {
                throw new InputException(
                    $"'{path}' has {rows.RowCount} rows and {bytes} bytes of column '{column.Name}' in row group {group}, at "
                    + $"most {MaximumRows} and {MaximumColumnBytes} are read at once: write it with smaller row groups.");
            }
            if (about is not null)
                ParquetPages.Check(file, FirstPage(about), about.NumValues, MaximumColumnBytes);
            ReadOnlyMemory<byte>?[] values = new ReadOnlyMemory<byte>?[rows.RowCount];
            await rows.ReadAsync<ReadOnlyMemory<byte>>(column, values.AsMemory()).ConfigureAwait(false);
            return values;
        });

    /// <summary>Where the decoder begins: at the dictionary, if there is one before the data.</summary>
    private static long FirstPage(ColumnMetaData about) => about.DictionaryPageOffset is > 0 and long dictionary
        ? Math.Min(dictionary, about.DataPageOffset) : about.DataPageOffset;

    private byte[] Normalised(ReadOnlySpan<byte> text, long row, string column)
    {
        int invalid = Utf8Text.FirstInvalid(text);
        if (invalid >= 0)
            throw new InputException($"'{path}' row {row} is not UTF-8: bad byte at offset {invalid} of column '{column}'.");
        if (!text.Contains((byte)'\r')) return text.ToArray();
        byte[] lines = ArrayPool<byte>.Shared.Rent(text.Length);
        bool afterReturn = false;
        int length = Utf8Text.NormaliseLines(text, lines, ref afterReturn);
        byte[] normalised = lines.AsSpan(0, length).ToArray();
        ArrayPool<byte>.Shared.Return(lines);
        return normalised;
    }

    private T Guard<T>(string part, Func<Task<T>> read)
    {
        try
        {
            // The documents are a synchronous stream, and the reads beneath are of a local file.
            return read().GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is not (InputException or OutOfMemoryException))
        {
            // A damaged file fails anywhere in the decoder, with whatever its numbers lead to.
            throw new InputException($"'{path}' is damaged, or no Parquet file: its {part} cannot be read ({FirstLine(e)}).", e);
        }
    }

    private static string FirstLine(Exception e) => MessageText.OneLine(e.Message.ReplaceLineEndings("\n").Split('\n')[0].TrimEnd('.'), 200);
}
