using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Mazij.Tests.Hostile.Mutations;
using Mazij.Tests.Text.Corpora;
using Mazij.Text.Corpora;
using Parquet;
using Parquet.Schema;

namespace Mazij.Tests.Hostile.Targets;

/// <summary>Text to train on, in one kind of file.</summary>
internal sealed class CorpusTarget : HostileTarget
{
    private static readonly CorpusOptions options = new() { MaximumDocumentBytes = 1024 };
    private readonly string file;
    private readonly bool isChecked;
    private readonly List<string> whole;

    /// <param name="ending">The file's ending.</param>
    public CorpusTarget(string ending)
    {
        file = "corpus" + ending;
        // Compressed files carry checksums of their text.
        isChecked = ending.EndsWith(".gz", StringComparison.Ordinal) || ending.EndsWith(".zst", StringComparison.Ordinal);
        string[] texts = [.. HostileWorld.Texts(24), "an \\\"escape\\\" \u0001 \r\n 😀"];
        byte[] lines = Encoding.UTF8.GetBytes(string.Concat(texts.Select(text => JsonSerializer.Serialize(new { id = 1, text, tags = (string[])["a"] }) + "\n")));
        if (ending == ".parquet")
            WriteParquet(Folder[file], texts);
        else if (ending == ".txt")
            File.WriteAllText(Folder[file], string.Join("\r\n\r\n", texts));
        else
            File.WriteAllBytes(Folder[file], Compressions.Compress(FileKind.Of(file)!.Value.Compression, lines));
        Folder.TakeOriginals();
        Mutation structured = ending is ".txt" or ".jsonl" ? TextMutations.Any : ByteMutations.Any;
        Kinds = [(file, structured), (file, ByteMutations.Any)];
        whole = Texts();
    }

    public override string Name => "corpus" + Path.GetExtension(file);

    public override int Share => 45;

    // Parquet's decoder takes as much as the sizes in the file's pages say, up to the limit of a column.
    public override long FreeBytes => file.EndsWith(".parquet", StringComparison.Ordinal) ? 3L << 29 : base.FreeBytes;

    protected override IReadOnlyList<(string File, Mutation How)> Kinds { get; }

    public override void Read()
    {
        List<string> texts = Texts();
        if (isChecked)
            Assert.Equal(whole, texts);
    }

    private List<string> Texts()
    {
        List<string> texts = [];
        foreach (Document document in Corpus.Open([Folder[file]], options).Read())
        {
            Assert.True(Utf8.IsValid(document.Text.Span));
            Assert.Equal(-1, document.Text.Span.IndexOf((byte)'\r'));
            texts.Add(Encoding.UTF8.GetString(document.Text.Span));
        }
        return texts;
    }

    private static void WriteParquet(string path, string[] texts)
    {
        DataField<int> id = new("id");
        DataField<string> text = new("text");
        using FileStream stream = File.Create(path);
        Task.Run(async () =>
        {
            await using ParquetWriter writer = await ParquetWriter.CreateAsync(
                new ParquetSchema(id, text), stream, new ParquetOptions { CompressionMethod = CompressionMethod.Snappy });
            foreach (string[] rows in texts.Chunk(10))
            {
                using ParquetRowGroupWriter group = writer.CreateRowGroup();
                await group.WriteAsync<int>(id, Enumerable.Range(0, rows.Length).ToArray());
                await group.WriteAsync(text, rows);
                group.CompleteValidate();
            }
        }).GetAwaiter().GetResult();
    }
}
