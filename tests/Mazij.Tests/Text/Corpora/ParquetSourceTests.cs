using System.Text;
using System.Text.Json;
using CsCheck;
using Mazij.Tests.Data;
using Mazij.Text.Corpora;
using Parquet;
using Parquet.Schema;

namespace Mazij.Tests.Text.Corpora;

public sealed class ParquetSourceTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Rows_give_the_documents_of_the_same_JSON_Lines()
    {
        Gen<string> texts = Gen.OneOf(Gen.String[Gen.Char['a', 'z'], 0, 300], Gen.OneOfConst("漢字 😀", "a\r\nb\rc", "same", " \n"));
        Gen.Select(texts.Array[1, 200], Gen.Int[1, 100], Gen.Enum<CompressionMethod>()).Sample(
            (rows, rowsPerGroup, method) =>
            {
                // The three that need native code, or that no writer of today offers, are not in the library's default.
                if (method is CompressionMethod.Lzo or CompressionMethod.LZ4 or CompressionMethod.Lz4Raw) method = CompressionMethod.Snappy;
                string id = Guid.NewGuid().ToString();
                string json = folder.Write(id + ".jsonl", string.Concat(rows.Select(row => JsonSerializer.Serialize(new { text = row }) + "\n")));
                string parquet = Write(id + ".parquet", rows, rowsPerGroup, method);
                Assert.Equal(Read(json), Read(parquet));
            },
            iter: 30);
    }

    [Fact]
    public void A_row_without_a_value_gives_no_document_and_keeps_its_number()
    {
        Assert.Equal([("a", 0L), ("b", 3L)], Read(Write("nulls.parquet", ["a", null, null, "b"], rowsPerGroup: 3)));
        Assert.Contains("has no text", Refused(Write("all.parquet", [null, null])).Message, StringComparison.Ordinal);
        Assert.Contains("has no text", Refused(Write("none.parquet", [])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("body", "has no column 'body'; it has id, text, tags")]
    [InlineData("txt", "has no column 'txt'; did you mean text?")]
    [InlineData("id", "has a column 'id' of Int32: name one of strings.")]
    [InlineData("tags", "has a column 'tags' of a nested value: name one of strings.")]
    public void A_column_that_cannot_be_read_is_named(string column, string expected) => Assert.Contains(
        expected, Refused(Write("t.parquet", ["a"]), new CorpusOptions { JsonField = column }).Message, StringComparison.Ordinal);

    [Fact]
    public void Bad_UTF8_is_named_by_its_row()
    {
        DataField<byte[]> field = new("text");
        string path = folder["bytes.parquet"];
        Save(path, new ParquetSchema(field), group => group.WriteAsync(field, new[] { "good"u8.ToArray(), [(byte)'a', 0xFF] }));
        Assert.Contains("row 1 is not UTF-8: bad byte at offset 1 of column 'text'", Refused(path).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_file_is_refused_or_gives_texts_never_an_error_of_ours()
    {
        byte[] whole = File.ReadAllBytes(Write("whole.parquet", [.. Enumerable.Range(0, 500).Select(i => $"text {i}")], rowsPerGroup: 100));
        Gen.Select(Gen.Int[0, whole.Length - 1], Gen.Byte, Gen.Bool).Sample(
            (at, value, cut) =>
            {
                byte[] bytes = cut ? whole[..at] : [.. whole];
                if (!cut) bytes[at] = value;
                string path = folder.Write(Guid.NewGuid() + ".parquet", bytes);
                try
                {
                    _ = Corpus.Open([path]).Read().Count();
                    Assert.False(cut, "half a file was read as a whole one");
                }
                catch (InputException e)
                {
                    Assert.Contains(path, e.Message, StringComparison.Ordinal);
                    Assert.DoesNotContain('\n', e.Message);
                }
            },
            iter: 300);
    }

    [Fact]
    public void A_row_group_that_would_fill_the_memory_is_refused()
    {
        string path = Write("large.parquet", [.. Enumerable.Range(0, 100).Select(i => $"text {i}")]);
        foreach (ParquetSource source in new[] { new ParquetSource(path) { MaximumColumnBytes = 100 }, new ParquetSource(path) { MaximumRows = 99 } })
        {
            InputException e = Assert.Throws<InputException>(() => source.Read(new CorpusOptions(), new CorpusTally()).Count());
            Assert.Contains("write it with smaller row groups", e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Sizes_that_a_page_cannot_have_are_refused_before_room_is_made_for_them()
    {
        byte[] whole = File.ReadAllBytes(Write("whole.parquet", [.. Enumerable.Range(0, 50).Select(i => $"text {i} of several, none like another")]));
        int page = PageOf(whole);
        // The header begins with fields 1 to 3: the kind of page, its size decompressed, its size in the file.
        int uncompressed = page + 3, compressed = uncompressed + NumberLength(whole, uncompressed) + 1;
        foreach (int at in new[] { uncompressed, compressed })
        {
            byte[] damaged = [.. whole[..at], .. Number(int.MaxValue), .. whole[(at + NumberLength(whole, at))..]];
            // What follows the pages lies further on, so the column's pages still begin where the footer says.
            InputException e = Refused(folder.Write($"{at}.parquet", damaged));
            Assert.Contains("the page at byte", e.Message, StringComparison.Ordinal);
            Assert.Contains("2147483647 bytes", e.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>Where the first page of the column of texts begins.</summary>
    private static int PageOf(byte[] file) => Task.Run(async () =>
    {
        using MemoryStream stream = new(file);
        await using ParquetReader reader = await ParquetReader.CreateAsync(stream);
        Parquet.Meta.ColumnMetaData about = reader.Metadata!.RowGroups[0].Columns.Single(column => column.MetaData!.PathInSchema[0] == "text").MetaData!;
        return (int)(about.DictionaryPageOffset ?? about.DataPageOffset);
    }).GetAwaiter().GetResult();

    private static int NumberLength(byte[] bytes, int at) => Array.FindIndex(bytes, at, each => each < 0x80) - at + 1;

    private static byte[] Number(long value)
    {
        List<byte> bytes = [];
        ulong rest = (ulong)((value << 1) ^ (value >> 63));
        for (; rest >= 0x80; rest >>= 7)
            bytes.Add((byte)(rest | 0x80));
        return [.. bytes, (byte)rest];
    }

    private string Write(string name, string?[] rows, int rowsPerGroup = 1000, CompressionMethod method = CompressionMethod.Snappy)
    {
        DataField<int> id = new("id");
        DataField<string> text = new("text");
        DataField<string> tag = new("element");
        string path = folder[name];
        using FileStream stream = File.Create(path);
        Wait(async () =>
        {
            ParquetSchema schema = new(id, text, new ListField("tags", tag));
            await using ParquetWriter writer = await ParquetWriter.CreateAsync(schema, stream, new ParquetOptions { CompressionMethod = method });
            foreach (string?[] chunk in rows.Chunk(rowsPerGroup))
            {
                using ParquetRowGroupWriter group = writer.CreateRowGroup();
                await group.WriteAsync<int>(id, Enumerable.Range(0, chunk.Length).ToArray());
                await group.WriteAsync(text, chunk!);
                await group.WriteAsync(tag, chunk.Select(_ => "tag").ToArray(), new int[chunk.Length]);
                group.CompleteValidate();
            }
        });
        return path;
    }

    private static void Save(string path, ParquetSchema schema, Func<ParquetRowGroupWriter, Task> write)
    {
        using FileStream stream = File.Create(path);
        Wait(async () =>
        {
            await using ParquetWriter writer = await ParquetWriter.CreateAsync(schema, stream);
            using ParquetRowGroupWriter group = writer.CreateRowGroup();
            await write(group);
        });
    }

    private static void Wait(Func<Task> work) => Task.Run(work).GetAwaiter().GetResult();

    private static InputException Refused(string path, CorpusOptions? options = null)
    {
        InputException e = Assert.Throws<InputException>(() => Corpus.Open([path], options).Read().Count());
        Assert.Contains(path, e.Message, StringComparison.Ordinal);
        return e;
    }

    private static List<(string Text, long Index)> Read(string path)
    {
        IDocumentSource source = path.EndsWith(".parquet", StringComparison.Ordinal)
            ? new ParquetSource(path)
            : new JsonLinesSource(SourceFile.At(path));
        return [.. source.Read(new CorpusOptions(), new CorpusTally()).Select(d => (Encoding.UTF8.GetString(d.Text.Span), d.Index))];
    }
}
