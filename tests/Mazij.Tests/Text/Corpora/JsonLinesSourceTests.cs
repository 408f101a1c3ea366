using System.Text;
using System.Text.Json;
using CsCheck;
using Mazij.Tests.Data;
using Mazij.Text.Corpora;

namespace Mazij.Tests.Text.Corpora;

public sealed class JsonLinesSourceTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Texts_come_back_as_another_JSON_writer_wrote_them()
    {
        Gen<string> text = Gen.OneOf(Gen.String[Gen.Char[' ', '~'], 0, 40],
            Gen.OneOfConst("\n\n", "é\"\\", "漢字\t", "😀", new string('x', 300_000)));
        text.Array[1, 8].Sample(
            texts =>
            {
                StringBuilder file = new();
                foreach (string t in texts)
                    file.Append(JsonSerializer.Serialize(new { id = 1, meta = new { text = "not this" }, text = t }))
                        .Append("\r\n\n");
                Assert.Equal(texts, Read(file.ToString()).Select(d => Encoding.UTF8.GetString(d.Text.Span)));
            },
            iter: 50);
    }

    [Fact]
    public void The_index_is_the_line_less_one_and_a_byte_order_mark_is_no_part_of_it()
    {
        List<Document> documents = Read("\uFEFF{\"text\":\"a\"}\n\n{\"text\":\"b\\r\\nc\"}");
        Assert.Equal([0L, 2L], documents.Select(d => d.Index));
        Assert.Equal("b\nc", Encoding.UTF8.GetString(documents[1].Text.Span));
    }

    [Fact]
    public void The_field_can_be_named_and_the_later_of_two_counts()
    {
        List<Document> documents = Read(
            "{\"content\":\"a\",\"text\":\"b\",\"cont\\u0065nt\":\"c\"}", new CorpusOptions { JsonField = "content" });
        Assert.Equal("c", Encoding.UTF8.GetString(documents[0].Text.Span));
    }

    [Theory]
    [InlineData("[1]", "line 2 is not a JSON object")]
    [InlineData("{\"text\":\"a\"", "line 2 is not a JSON object: error at column")]
    [InlineData("{\"text\":\"a\"} {", "line 2 is not a JSON object: error at column")]
    [InlineData("{\"text\":\"a", "line 2 is not a JSON object: error at column")]
    [InlineData("{\"body\":\"a\"}", "line 2 has no field 'text'")]
    [InlineData("{\"text\":null}", "line 2 has a field 'text' that is not a string")]
    [InlineData("{\"text\":{\"a\":\"b\"}}", "line 2 has a field 'text' that is not a string")]
    [InlineData("{\"text\":\"\\ud800\"}", "line 2 has a field 'text' with half of a surrogate pair")]
    public void A_bad_line_is_named(string line, string expected)
    {
        InputException e = Assert.Throws<InputException>(() => Read("{\"text\":\"good\"}\n" + line + "\n"));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.Contains(".jsonl'", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void Bad_UTF8_is_named_with_line_and_column()
    {
        JsonLinesSource source =
            new(SourceFile.At(folder.Write("bad.jsonl", [.. "{\"text\":\"a\"}\n{\"text\":\""u8, 0xFF, .. "\"}"u8])));
        InputException e = Assert.Throws<InputException>(() => source.Read(new CorpusOptions(), new CorpusTally()).Count());
        Assert.Contains("line 2 is not UTF-8: bad byte at column 10", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_without_end_is_refused_before_it_fills_the_memory()
    {
        string line = "{\"text\":\"" + new string('x', 3_000_000) + "\"}";
        InputException e =
            Assert.Throws<InputException>(() => Read(line, new CorpusOptions { MaximumJsonLineBytes = 1_000_000 }));
        Assert.Contains("line 1 is longer than 1000000 bytes", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Deeply_nested_JSON_is_refused_not_followed()
    {
        InputException e = Assert.Throws<InputException>(() => Read("{\"a\":" + new string('[', 100_000)));
        Assert.Contains("line 1", e.Message, StringComparison.Ordinal);
    }

    private List<Document> Read(string file, CorpusOptions? options = null) =>
        [.. new JsonLinesSource(SourceFile.At(folder.Write(Guid.NewGuid() + ".jsonl", file))).Read(options ?? new CorpusOptions(), new CorpusTally())];
}
