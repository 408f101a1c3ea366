using System.Text;
using CsCheck;
using Mazij.Tests.Data;
using Mazij.Text.Corpora;

namespace Mazij.Tests.Text.Corpora;

/// <summary>A compressed file gives the documents of the plain one, or one clear line, never a part of them.</summary>
public sealed class CompressedFileTests : IDisposable
{
    private static readonly Gen<FileCompression> compressions = Gen.OneOfConst(FileCompression.Gzip, FileCompression.Zstandard);
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_compressed_file_gives_the_documents_of_the_plain_one_however_many_parts_it_has()
    {
        Gen<string> words = Gen.OneOfConst("word ", "漢字", "😀 ", "\r\n", "\n\n", "a long and repeated phrase ", "x");
        Gen.Select(words.Array[1, 20_000], compressions, Gen.Bool, Gen.Int[0, 1 << 20].Array[0, 4]).Sample(
            (parts, compression, isJson, cuts) =>
            {
                string text = string.Concat(parts);
                byte[] plain = Encoding.UTF8.GetBytes(isJson ? JsonLines(text) : text + "end");
                List<int> bounds = [0, .. cuts.Select(cut => cut % (plain.Length + 1)).Order(), plain.Length];
                byte[] compressed = [.. Enumerable.Range(1, bounds.Count - 1)
                    .SelectMany(i => Compressions.Compress(compression, plain.AsSpan(bounds[i - 1]..bounds[i])))];
                string ending = isJson ? ".jsonl" : ".txt", id = Guid.NewGuid().ToString();
                Assert.Equal(
                    Read(folder.Write(id + ending, plain)),
                    Read(folder.Write(id + ending + Compressions.Ending(compression), compressed)));
            },
            iter: 40);
    }

    [Fact]
    public void A_file_cut_short_anywhere_is_refused()
    {
        byte[] text = Encoding.UTF8.GetBytes(JsonLines(string.Concat(Enumerable.Range(0, 40_000).Select(i => $"{i * 7919 % 10_007} "))));
        Gen.Select(compressions, Gen.Int[1, 1 << 24], Gen.Bool).Sample(
            (compression, at, second) =>
            {
                byte[] whole = Compressions.Compress(compression, text);
                byte[] cut = [.. second ? whole : [], .. whole.AsSpan(0, 1 + (at % (whole.Length - 1)))];
                InputException e = Refused(".jsonl" + Compressions.Ending(compression), cut);
                Assert.Contains(second || cut.Length > 4 ? "is cut short" : "", e.Message, StringComparison.Ordinal);
            },
            iter: 100);
    }

    [Fact]
    public void A_file_cut_short_says_after_which_line()
    {
        byte[] lines = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"text\":\"a\"}\n", 3)));
        byte[] whole = Compressions.Gzip(lines);
        InputException e = Refused(".jsonl.gz", [.. whole, .. Compressions.Gzip("more"u8).AsSpan(0, 10)]);
        Assert.Contains("is cut short: its compressed data breaks off after line 3 (39 bytes) of its text", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_bit_never_changes_the_text_unnoticed()
    {
        byte[] text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 3_000).Select(i => $"{i * 7919 % 10_007} ")));
        Gen.Select(compressions, Gen.Int[0, 1 << 24], Gen.Int[0, 7]).Sample(
            (compression, at, bit) =>
            {
                byte[] bytes = Compressions.Compress(compression, text);
                bytes[at % bytes.Length] ^= (byte)(1 << bit);
                string path = folder.Write(Guid.NewGuid() + ".txt" + Compressions.Ending(compression), bytes);
                try
                {
                    // Some bits of a header mean nothing, as the time of compression.
                    byte[] read = [.. Corpus.Open([path]).Read().SelectMany(d => d.Text.ToArray())];
                    Assert.Equal(text, read);
                }
                catch (InputException e)
                {
                    Assert.Contains(path, e.Message, StringComparison.Ordinal);
                    Assert.DoesNotContain('\n', e.Message);
                }
            },
            iter: 200);
    }

    [Theory]
    [InlineData(".txt.gz", "", "it is empty")]
    [InlineData(".txt.zst", "", "it is empty")]
    [InlineData(".txt.gz", "plain text", "does not begin as gzip does")]
    [InlineData(".txt.zst", "plain text", "does not begin as Zstandard does")]
    public void A_file_that_is_not_what_its_name_says_is_refused(string ending, string content, string expected) =>
        Assert.Contains(expected, Refused(ending, Encoding.UTF8.GetBytes(content)).Message, StringComparison.Ordinal);

    [Fact]
    public void What_follows_the_compressed_data_is_not_left_out_silently()
    {
        foreach (FileCompression compression in new[] { FileCompression.Gzip, FileCompression.Zstandard })
        {
            byte[] bytes = [.. Compressions.Compress(compression, "text"u8), .. "and something else"u8];
            Assert.Contains("that is not", Refused(".txt" + Compressions.Ending(compression), bytes).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Compressed_nothing_is_an_empty_file_and_an_empty_part_is_passed_over()
    {
        foreach (FileCompression compression in new[] { FileCompression.Gzip, FileCompression.Zstandard })
        {
            string ending = ".txt" + Compressions.Ending(compression);
            byte[] nothing = Compressions.Compress(compression, []);
            Assert.Contains("has no text", Refused(ending, nothing).Message, StringComparison.Ordinal);
            Assert.Equal([("text", 0L)], Read(folder.Write("parts" + ending, [.. nothing, .. Compressions.Compress(compression, "text"u8), .. nothing])));
        }
    }

    [Fact]
    public void A_frame_that_asks_for_a_huge_window_is_refused_before_it_takes_the_memory()
    {
        // A frame's header alone: single segment off, a window of 2^31 bytes, no size.
        byte[] huge = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 21 << 3, 0x01, 0x00, 0x00];
        long before = GC.GetTotalAllocatedBytes();
        Assert.Contains("window of more than 128 MiB", Refused(".txt.zst", huge).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 16 << 20);
        Assert.Equal([("text", 0L)], Read(folder.Write("large.txt.zst", Compressions.Zstandard("text"u8, windowLog: 27))));
    }

    [Fact]
    public void Bad_UTF8_and_bad_lines_are_named_by_their_place_in_the_decompressed_text()
    {
        Assert.Contains(
            "bad byte at offset 3 of the decompressed text", Refused(".md.gz", Compressions.Gzip([.. "abc"u8, 0xFF])).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "line 2 is not a JSON object", Refused(".jsonl.zst", Compressions.Zstandard("{\"text\":\"a\"}\nb"u8)).Message,
            StringComparison.Ordinal);
    }

    private static string JsonLines(string text)
    {
        StringBuilder lines = new();
        for (int start = 0; start < text.Length; start += 5_000)
        {
            string part = text[start..Math.Min(text.Length, start + 5_000)];
            lines.Append("{\"text\":").Append(System.Text.Json.JsonSerializer.Serialize(new string([.. part.Where(c => !char.IsSurrogate(c))]) + ".")).Append("}\n");
        }
        return lines.ToString();
    }

    private InputException Refused(string ending, byte[] bytes)
    {
        string path = folder.Write(Guid.NewGuid() + ending, bytes);
        InputException e = Assert.Throws<InputException>(() => Corpus.Open([path]).Read().Count());
        Assert.Contains(path, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
        return e;
    }

    private static List<(string Text, long Index)> Read(string path) =>
        [.. Corpus.Open([path], new CorpusOptions { DropDuplicates = false }).Read().Select(d => (Encoding.UTF8.GetString(d.Text.Span), d.Index))];
}
