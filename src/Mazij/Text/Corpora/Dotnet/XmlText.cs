using System.Globalization;
using System.Text;
using System.Xml;

namespace Mazij.Text.Corpora.Dotnet;

/// <summary>Renders the mark-up of documentation comments as a person would read it.</summary>
internal sealed class XmlText(XmlReader reader)
{
    private const int MaximumDepth = 64;
    private readonly TextFlow flow = new();

    /// <summary>
    /// The content of the element that the reader is at; leaves the reader at the element's end. In an entry of a list
    /// (<paramref name="inline"/>) paragraphs are joined.
    /// </summary>
    /// <exception cref="XmlException">The mark-up is nested deeper than any person writes.</exception>
    public string Read(bool inline)
    {
        flow.Inline = inline ? 1 : 0;
        Content();
        return flow.Take();
    }

    private void Content()
    {
        if (reader.IsEmptyElement) return;
        if (reader.Depth > MaximumDepth) throw new XmlException($"elements nested more than {MaximumDepth} deep");
        while (reader.Read() && reader.NodeType != XmlNodeType.EndElement)
        {
            if (reader.NodeType == XmlNodeType.Element) Element();
            else if (IsText(reader.NodeType)) flow.Append(reader.Value);
        }
    }

    private void Element()
    {
        switch (reader.LocalName)
        {
            case "see" or "seealso" or "xref":
                Reference();
                break;
            case "paramref" or "typeparamref":
                flow.Append(reader.GetAttribute("name"));
                Skip();
                break;
            case "para" or "p" or "div" or "note" or "remarks" or "example":
                flow.Paragraph();
                Content();
                flow.Paragraph();
                break;
            case "br":
                flow.Line();
                Skip();
                break;
            case "list":
                List(reader.GetAttribute("type") == "number");
                break;
            case "ul":
                List(numbered: false);
                break;
            case "ol":
                List(numbered: true);
                break;
            case "c" or "code" or "tt":
                Code();
                break;
            case "inheritdoc":
                Skip();
                break;
            default:
                Content();
                break;
        }
    }

    private void Reference()
    {
        string? target = reader.GetAttribute("cref");
        string name = target is not null ? Signature.Reference(target)
            : reader.GetAttribute("uid") is { } uid ? Signature.Reference(uid)
            : reader.GetAttribute("langword") ?? reader.GetAttribute("href") ?? "";
        int before = flow.Length;
        // "<see ...>words</see>": the words are what is shown.
        Content();
        if (flow.Length == before) flow.Append(name);
    }

    private void List(bool numbered)
    {
        if (reader.IsEmptyElement) return;
        if (reader.Depth > MaximumDepth) throw new XmlException($"elements nested more than {MaximumDepth} deep");
        string indent = new(' ', 2 * flow.Inline);
        int number = 0;
        while (reader.Read() && reader.NodeType != XmlNodeType.EndElement)
        {
            if (reader.NodeType != XmlNodeType.Element) continue;
            if (reader.LocalName == "listheader")
            {
                Skip();
                continue;
            }
            number++;
            flow.Item(indent + (numbered ? number.ToString(CultureInfo.InvariantCulture) + ". " : "- "));
            flow.Inline++;
            Item();
            flow.Inline--;
        }
        flow.EndList();
    }

    /// <summary>An item: plain content, or a term and its description, shown as "term: description".</summary>
    private void Item()
    {
        if (reader.IsEmptyElement) return;
        bool term = false;
        while (reader.Read() && reader.NodeType != XmlNodeType.EndElement)
        {
            if (IsText(reader.NodeType)) flow.Append(reader.Value);
            if (reader.NodeType != XmlNodeType.Element) continue;
            if (reader.LocalName == "term")
            {
                int before = flow.Length;
                Content();
                term = flow.Length > before;
            }
            else if (reader.LocalName == "description")
            {
                if (term) flow.Colon();
                Content();
            }
            else
            {
                Element();
            }
        }
    }

    /// <summary>Several lines are shown as they are; an expression in backquotes; a single word like any
    /// other.</summary>
    private void Code()
    {
        StringBuilder content = new();
        Verbatim(content);
        string code = content.ToString();
        string trimmed = code.Trim();
        if (trimmed.Contains('\n', StringComparison.Ordinal) && flow.Inline == 0) flow.Code(CodeBlock.Tidy(code));
        else if (trimmed.AsSpan().IndexOfAnyExcept(CodeBlock.NameCharacters) < 0) flow.Append(trimmed);
        else flow.Append($"`{trimmed}`");
    }

    private void Verbatim(StringBuilder content)
    {
        if (reader.IsEmptyElement) return;
        int depth = reader.Depth;
        while (reader.Read() && !(reader.NodeType == XmlNodeType.EndElement && reader.Depth == depth))
        {
            if (IsText(reader.NodeType)) content.Append(reader.Value);
            else if (reader.NodeType == XmlNodeType.Element) content.Append(Name());
        }

        string? Name() =>
            reader.GetAttribute("cref") is { } target ? Signature.Reference(target)
            : reader.GetAttribute("name") ?? reader.GetAttribute("langword");
    }

    /// <summary>Steps over the element, to its end.</summary>
    private void Skip()
    {
        if (reader.IsEmptyElement) return;
        int depth = reader.Depth;
        while (reader.Read() && !(reader.NodeType == XmlNodeType.EndElement && reader.Depth == depth)) { }
    }

    private static bool IsText(XmlNodeType type) =>
        type is XmlNodeType.Text or XmlNodeType.CDATA or XmlNodeType.Whitespace or XmlNodeType.SignificantWhitespace;
}
