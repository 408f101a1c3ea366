using System.Xml;

namespace Mazij.Text.Corpora.Dotnet;

/// <summary>Reads a compiler's XML documentation file member by member.</summary>
internal static class DocumentationFile
{
    // The largest of the SDK's has 8 million; a bound on what a damaged or hostile file can make us hold.
    private const long MaximumCharacters = 256L << 20;

    /// <summary>The members in the order of the file.</summary>
    /// <exception cref="InputException">The file cannot be read or is not XML; a DTD is refused.</exception>
    public static IEnumerable<MemberDocumentation> Read(string path)
    {
        using FileStream stream = SourceFile.OpenFile(path);
        foreach (MemberDocumentation member in Read(stream, path)) yield return member;
    }

    internal static IEnumerable<MemberDocumentation> Read(Stream stream, string path)
    {
        XmlReaderSettings settings = new()
        {
            DtdProcessing = DtdProcessing.Prohibit,
            XmlResolver = null,
            IgnoreComments = true,
            IgnoreProcessingInstructions = true,
            MaxCharactersInDocument = MaximumCharacters,
        };
        using XmlReader reader = Guard(path, () => XmlReader.Create(stream, settings));
        XmlText text = new(reader);
        while (Guard(path, reader.Read))
        {
            if (reader.NodeType != XmlNodeType.Element || reader.LocalName != "member") continue;
            if (reader.GetAttribute("name") is not { Length: > 0 } id) continue;
            MemberDocumentation member = new(MemberId.Parse(id));
            Guard(path, () => Sections(reader, text, member));
            yield return member;
        }
    }

    private static bool Sections(XmlReader reader, XmlText text, MemberDocumentation member)
    {
        if (reader.IsEmptyElement) return true;
        while (reader.Read() && reader.NodeType != XmlNodeType.EndElement)
        {
            if (reader.NodeType != XmlNodeType.Element) continue;
            switch (reader.LocalName)
            {
                case "summary":
                    member.Summary = Join(member.Summary, text.Read(inline: false));
                    break;
                case "returns":
                    member.Returns = Join(member.Returns, text.Read(inline: true));
                    break;
                case "value":
                    member.Value = Join(member.Value, text.Read(inline: true));
                    break;
                case "remarks":
                    member.Remarks = Join(member.Remarks, text.Read(inline: false));
                    break;
                case "example":
                    member.Example = Join(member.Example, text.Read(inline: false));
                    break;
                case "param":
                    member.Parameters.Add((reader.GetAttribute("name") ?? "", text.Read(inline: true)));
                    break;
                case "typeparam":
                    member.TypeParameters.Add((reader.GetAttribute("name") ?? "", text.Read(inline: true)));
                    break;
                case "exception":
                    string name = Signature.Reference(reader.GetAttribute("cref") ?? "");
                    member.Exceptions.Add((name, text.Read(inline: true)));
                    break;
                default:
                    // Sections made for tools: inheritdoc, seealso, permission, exclude...
                    text.Read(inline: true);
                    break;
            }
        }
        return true;
    }

    private static string Join(string before, string text) =>
        before.Length == 0 ? text : text.Length == 0 ? before : before + "\n\n" + text;

    private static T Guard<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (XmlException e)
        {
            throw new InputException(
                $"'{path}' line {e.LineNumber} is not a documentation file: {MessageText.OneLine(e.Message.ReplaceLineEndings(" "), 200)}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"Cannot read '{path}': {e.Message}", e);
        }
    }
}
