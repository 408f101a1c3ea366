using System.Text;
using Mazij.Tests.Data;
using Mazij.Text.Corpora;

namespace Mazij.Tests.Text.Corpora;

public sealed class CorpusTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_folder_is_read_recursively_in_ordinal_order_without_hidden_and_unknown_files()
    {
        folder.Write("b.txt", "b");
        folder.Write("B.md", "B");
        folder.Write("a/z.txt", "az");
        folder.Write("a.jsonl", "{\"text\":\"json\"}\n");
        folder.Write("a/picture.png", "no");
        folder.Write(".git/x.txt", "hidden");
        Assert.Equal(["B", "json", "az", "b"], Texts([folder.Root]));
    }

    [Fact]
    public void A_linked_folder_that_leads_back_up_does_not_loop()
    {
        folder.Write("a/x.txt", "x");
        Directory.CreateSymbolicLink(folder["a/up"], folder.Root);
        Assert.Equal(["x"], Texts([folder.Root]));
    }

    [Fact]
    public void A_mixture_is_read_in_the_order_given_and_duplicates_are_counted_across_inputs()
    {
        string one = folder.Write("one.txt", "same");
        string two = folder.Write("two.jsonl", "{\"text\":\"same\"}\n{\"text\":\"other\"}");
        CorpusTally tally = new();
        List<Document> documents = [.. Corpus.Open([two, one]).Read(tally)];
        Assert.Equal(["same", "other"], documents.Select(Text));
        Assert.Equal((two, 1L), (documents[1].Source, documents[1].Index));
        Assert.Equal((2L, 9L, 1L, 4L), (tally.Documents, tally.Bytes, tally.Duplicates, tally.DuplicateBytes));
        Assert.Equal(3, Corpus.Open([two, one], new CorpusOptions { DropDuplicates = false }).Read().Count());
    }

    [Fact]
    public void A_corpus_can_be_read_twice()
    {
        Corpus corpus = Corpus.Open([folder.Write("one.txt", "text")]);
        Assert.Equal(corpus.Read().Select(d => d.ContentHash), corpus.Read().Select(d => d.ContentHash));
    }

    [Theory]
    [InlineData("*.txt", "a.txt,b.txt")]
    [InlineData("?.txt", "a.txt,b.txt")]
    [InlineData("*/*.md", "sub/c.md")]
    [InlineData("**/*.md", "d.md,sub/c.md,sub/deep/e.md")]
    [InlineData("s*/**", "sub/c.md,sub/deep/e.md")]
    [InlineData("**/deep/*", "sub/deep/e.md")]
    public void A_glob_matches_as_in_a_shell(string pattern, string expected)
    {
        foreach (string name in new[] { "a.txt", "b.txt", "d.md", "sub/c.md", "sub/deep/e.md", "x.png" })
            folder.Write(name, name);
        Assert.Equal(expected.Split(','), Texts([folder[pattern]]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_glob_of_many_stars_does_not_take_exponential_time()
    {
        Glob glob = new(string.Concat(Enumerable.Repeat("**/", 40)) + "*.md");
        Assert.False(glob.IsMatch(string.Concat(Enumerable.Repeat("a/", 200)) + "x.txt"));
    }

    [Theory]
    [InlineData("missing.txt", "There is no file or folder")]
    [InlineData("picture.png", "must end in .txt, .md, .jsonl (these also with .gz or .zst) or .parquet")]
    [InlineData("*.md", "matches no file that ends in .txt")]
    [InlineData("nowhere/*.md", "matches no file that ends in .txt")]
    [InlineData("empty", "holds no file that ends in .txt")]
    public void A_wrong_input_is_named(string input, string expected)
    {
        folder.Write("picture.png", "x");
        Directory.CreateDirectory(folder["empty"]);
        InputException e = Assert.Throws<InputException>(() => Corpus.Open([folder[input]]));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.Contains(input, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void A_corpus_without_text_is_refused()
    {
        Assert.Throws<InputException>(() => Corpus.Open([]));
        Assert.Throws<InputException>(() => Corpus.Open([" "]));
        Corpus blank = Corpus.Open([folder.Write("blank.txt", " \n\t\n"), folder.Write("empty.txt", "")]);
        Assert.Contains(
            "no text", Assert.Throws<InputException>(() => blank.Read().Count()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_vanishes_after_opening_is_named()
    {
        string path = folder.Write("one.txt", "text");
        Corpus corpus = Corpus.Open([path]);
        File.Delete(path);
        Assert.Contains(
            path, Assert.Throws<InputException>(() => corpus.Read().Count()).Message, StringComparison.Ordinal);
    }

    private static string Text(Document document) => Encoding.UTF8.GetString(document.Text.Span);

    private static List<string> Texts(string[] inputs) => [.. Corpus.Open(inputs).Read().Select(Text)];
}
