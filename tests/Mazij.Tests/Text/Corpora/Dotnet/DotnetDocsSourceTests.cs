using System.Text;
using System.Text.RegularExpressions;
using Mazij.Tests.Data;
using Mazij.Text.Corpora;
using Mazij.Text.Corpora.Dotnet;

namespace Mazij.Tests.Text.Corpora.Dotnet;

public sealed class DotnetDocsSourceTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_type_becomes_a_page_that_reads_like_documentation()
    {
        string page = Assert.Single(Render("""
            <member name="T:System.Collections.Generic.Bag`1">
              <summary>Holds things. See <see cref="T:System.Collections.Generic.IEnumerable`1" />.</summary>
              <typeparam name="TItem">The type of the
                 things.</typeparam>
            </member>
            <member name="M:System.Collections.Generic.Bag`1.#ctor(System.Int32)">
              <summary>Makes an empty bag.</summary>
              <param name="capacity">How many things fit.</param>
              <exception cref="T:System.ArgumentOutOfRangeException">
                <paramref name="capacity" /> is negative.

             -or-

             <paramref name="capacity" /> is <see langword="null" />.</exception>
            </member>
            <member name="M:System.Collections.Generic.Bag`1.Add(`0)">
              <summary><para>Adds.</para><para>Twice.</para></summary>
              <param name="item" />
              <returns>
                <see langword="true" /> or <c>a + b</c> or <c>false</c>.</returns>
              <remarks>One of:
              <list type="bullet"><item>first</item><item><description>second
                 line</description></item></list>
              <code>
                if (x &lt; y)
                    Add(y);
              </code>
              </remarks>
            </member>
            <member name="P:System.Collections.Generic.Bag`1.Size">
              <summary>Gets the size.</summary>
              <value>A number:
                <list type="table"><listheader><term>T</term></listheader><item><term> 0</term><description> Empty.</description></item></list></value>
            </member>
            <member name="M:System.Collections.Generic.Bag`1.Silent"><inheritdoc /></member>
            <member name="F:System.Collections.Generic.Bag`1.None"><summary>No bag.</summary></member>
            """));
        Assert.Equal("""
            # System.Collections.Generic.Bag<TItem>

            Holds things. See IEnumerable<T>.

            Type parameters:
            - TItem: The type of the things.

            ## Bag<TItem>(int capacity)

            Makes an empty bag.

            Parameters:
            - capacity: How many things fit.

            Exceptions:
            - ArgumentOutOfRangeException: capacity is negative. -or- capacity is null.

            ## Bag<TItem>.Add(TItem item)

            Adds.

            Twice.

            Returns: true or `a + b` or false.

            Remarks: One of:
            - first
            - second line

            ```
            if (x < y)
                Add(y);
            ```

            ## Bag<TItem>.Size

            Gets the size.

            Value: A number:
              - 0: Empty.

            ## Fields

            - None: No bag.

            """.ReplaceLineEndings("\n"), page);
    }

    [Fact]
    public void Each_type_nested_ones_too_has_its_own_page_and_silent_types_and_message_tables_have_none()
    {
        List<string> pages = Render("""
            <member name="T:N.Outer"><summary>Out.</summary></member>
            <member name="M:N.Outer.Go"><summary>Goes.</summary></member>
            <member name="T:N.Outer.Inner"><summary>In.</summary></member>
            <member name="P:N.Outer.Inner.X"><summary>Ex.</summary></member>
            <member name="T:N.Silent"></member>
            <member name="M:N.Silent.Go"><param name="x" /></member>
            <member name="P:N.Resources.Oops"><summary>Oops!</summary></member>
            """);
        Assert.Equal(
            ["# N.Outer\n\nOut.\n\n## Outer.Go()\n\nGoes.\n", "# N.Outer.Inner\n\nIn.\n\n## Inner.X\n\nEx.\n"],
            pages);
    }

    [Fact]
    public void The_newest_version_of_each_pack_is_read_once()
    {
        Pack("Some.App.Ref/9.0.10/ref/net9.0/A.xml", "nine");
        Pack("Some.App.Ref/10.0.2/ref/net10.0/A.xml", "ten");
        Pack("Some.App.Ref/10.0.2/ref/net10.0/B.xml", "ten");
        Pack("Some.App.Ref/10.0.2-rc.1/ref/net10.0/A.xml", "candidate");
        Pack("Other.Ref/1.0.0/ref/netstandard2.1/C.xml", "standard");
        CorpusTally tally = new();
        Document document = Assert.Single(
            Corpus.Open([Corpus.DotnetDocs], new CorpusOptions { DotnetRoot = folder.Root }).Read(tally));
        Assert.Equal("# N.T\n\nten\n", Encoding.UTF8.GetString(document.Text.Span));
        Assert.Equal("dotnet-docs/N.T", document.Source);
        Assert.Equal(1, tally.Duplicates);
    }

    [Fact]
    public void A_missing_SDK_is_one_line_with_what_to_do()
    {
        InputException e = Assert.Throws<InputException>(() =>
            Corpus.Open([Corpus.DotnetDocs], new CorpusOptions { DotnetRoot = folder.Root }));
        Assert.Contains("DOTNET_ROOT", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<doc><members><member name='T:A'><summary>x</wrong></member></members></doc>")]
    [InlineData("<!DOCTYPE d [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><doc><member name='T:A'><summary>&b;</summary></member></doc>")]
    [InlineData("<!DOCTYPE d SYSTEM 'file:///etc/passwd'><doc/>")]
    [InlineData("<doc><member name='T:A'><summary>x")]
    [InlineData("not xml")]
    [InlineData("")]
    public void Hostile_or_broken_XML_is_refused_with_file_and_line(string xml)
    {
        InputException e = Assert.Throws<InputException>(() => RenderFile(xml));
        Assert.Contains("some.xml' line ", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Theory]
    [InlineData("b")]
    [InlineData("para")]
    [InlineData("list")]
    [InlineData("item")]
    [InlineData("code")]
    [InlineData("see")]
    public void Mark_up_nested_without_end_is_refused_or_flattened(string element)
    {
        string open = string.Concat(Enumerable.Repeat($"<{element}>", 50_000));
        string xml = $"<doc><member name='T:A'><summary>{open}</summary></member></doc>";
        Assert.Throws<InputException>(() => RenderFile(xml));
    }

    [Fact]
    public void The_SDK_in_use_gives_megabytes_of_clean_text()
    {
        if (!DotnetDocsInstalled()) Assert.Skip("The .NET SDK's packs/*/*/ref/net*/*.xml are not installed.");
        CorpusTally tally = new();
        Regex markup = new(@"</?(see|para|c|paramref|code|list|item|summary|param)\b[^<>\n]*/?>|``\d|[ \t]\n|\n{3}",
            RegexOptions.CultureInvariant);
        int pages = 0, dirty = 0;
        foreach (Document document in Corpus.Open([Corpus.DotnetDocs]).Read(tally))
        {
            string text = Encoding.UTF8.GetString(document.Text.Span);
            Assert.StartsWith("# ", text, StringComparison.Ordinal);
            Assert.True(text.EndsWith('\n') && !text.EndsWith("\n\n", StringComparison.Ordinal), document.Source);
            pages++;
            if (markup.IsMatch(text)) dirty++;
        }
        Assert.True(tally.Bytes > 5_000_000, $"{tally.Bytes} bytes");
        // A few pages speak about XML or Markdown itself.
        Assert.InRange(dirty, 0, pages / 500);
    }

    private static bool DotnetDocsInstalled()
    {
        try
        {
            return DotnetRoot.DocumentationFiles(null).Count > 0;
        }
        catch (InputException)
        {
            return false;
        }
    }

    private void Pack(string path, string summary) => folder.Write(
        "packs/" + path, $"<doc><members><member name='T:N.T'><summary>{summary}</summary></member></members></doc>");

    private List<string> Render(string members) =>
        RenderFile($"<?xml version='1.0'?><doc><assembly><name>X</name></assembly><members>{members}</members></doc>");

    private List<string> RenderFile(string xml)
    {
        DotnetDocsSource source = new([folder.Write("some.xml", xml)]);
        return [.. source.Read(new CorpusOptions(), new CorpusTally()).Select(d => Encoding.UTF8.GetString(d.Text.Span))];
    }
}
