using System.Text.Unicode;
using Mazij.Tests.Hostile.Mutations;
using Mazij.Text.Corpora;
using Mazij.Text.Corpora.Dotnet;

namespace Mazij.Tests.Hostile.Targets;

/// <summary>The XML documentation of a .NET library, which a folder given as the SDK's may hold.</summary>
internal sealed class DocumentationTarget : HostileTarget
{
    private const string FileName = "Library.xml";

    private static readonly string[] hostile =
    [
        "<!DOCTYPE doc [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>", "<!DOCTYPE doc SYSTEM \"../../outside/canary\">", "&lol;", "&#0;", "&#xD800;", "<![CDATA[ ]]>",
        "<?xml version=\"1.1\"?>", "<include file=\"../../outside/canary\" path=\"/\"/>", "<member>", "<member name=\"\"/>", "<member name=\"M:\">", "<member name=\"T:{{{{\"><summary/></member>",
    ];

    public DocumentationTarget()
    {
        File.WriteAllText(Folder[FileName], """
            <?xml version="1.0"?>
            <doc>
              <assembly><name>Library</name></assembly>
              <members>
                <member name="T:Space.Kind`2"><summary>A kind of <see cref="T:System.Collections.Generic.List`1"/>.<para>More <c>code</c>.</para></summary></member>
                <member name="M:Space.Kind`2.Turn``1(System.Int32[0:,0:],System.Collections.Generic.Dictionary{``0,`1}@,System.Char*)">
                  <summary>Turns.</summary><param name="by">By &lt;how&gt; much &#233;.</param><typeparam name="T">What.</typeparam>
                  <returns>A <paramref name="by"/>.</returns><exception cref="T:System.ArgumentException">Never.</exception>
                  <remarks><list type="table"><listheader><term>A</term></listheader><item><description>b</description></item></list></remarks>
                  <example><code language="cs">
                    int x = 1;
                  </code></example>
                </member>
                <member name="P:Space.Kind`2.Item(System.String)"><value>The item.</value></member>
                <member name="M:Space.Kind`2.op_Implicit(System.Int32)~Space.Kind{`0,`1}"><summary>Converts.</summary></member>
              </members>
            </doc>
            """);
        Folder.TakeOriginals();
    }

    public override string Name => "documentation";

    public override int Share => 50;

    protected override IReadOnlyList<(string File, Mutation How)> Kinds { get; } = [(FileName, TextMutations.Any), (FileName, ByteMutations.Any), (FileName, InsertXml)];

    public override void Read()
    {
        foreach (Document document in new DotnetDocsSource([Folder[FileName]]).Read(new CorpusOptions(), new CorpusTally()))
            Assert.True(Utf8.IsValid(document.Text.Span));
    }

    private static Mutated? InsertXml(Dice dice, byte[] bytes)
    {
        string text = System.Text.Encoding.UTF8.GetString(bytes);
        string added = dice.Below(4) == 0
            ? string.Concat(Enumerable.Repeat(dice.Of("<summary>", "<para>", "<list><item>", "<member name=\"T:A\"><summary>"), 1 + dice.Length(100_000)))
            : dice.Of(hostile);
        int at = dice.Below(text.Length + 1);
        // Between two elements, where it does not break the file by itself.
        at = dice.OneIn(4) ? at : text.LastIndexOf('<', Math.Max(0, at - 1)) is var start and >= 0 ? start : at;
        return new Mutated(System.Text.Encoding.UTF8.GetBytes(text.Insert(at, added)), $"{MessageText.OneLine(added, 60)} inserted at {at}");
    }
}
