using System.Text;

namespace Mazij.Text.Corpora.Dotnet;

/// <summary>
/// The page of one type: what it is, its members, its fields as a list, laid out as
/// <code>
/// # Namespace.Type
///
/// Summary.
///
/// ## Type.Member(int argument)
///
/// Summary.
///
/// Parameters:
/// - argument: What it is for.
///
/// Returns: What comes back.
/// </code>
/// </summary>
internal sealed class TypePage(string typeName)
{
    // A type of the SDK has up to 1 MB; a bound on what a damaged or hostile file can make us hold.
    private const int MaximumCharacters = 16 << 20;

    private readonly StringBuilder head = new();
    private readonly StringBuilder members = new();
    private readonly StringBuilder fields = new();
    private IReadOnlyList<string> typeParameters = [];

    /// <summary>The type's full name, as in ids.</summary>
    public string TypeName => typeName;

    public void Add(MemberDocumentation member)
    {
        if (member.Id.Kind == 'T')
        {
            typeParameters = Names(member.TypeParameters);
            if (!member.IsEmpty) Sections(head, member);
        }
        else if (member.Id.Kind is 'M' or 'P' or 'F' or 'E' && !member.IsEmpty)
        {
            if (IsPlainField(member))
            {
                fields.Append("- ").Append(member.Id.Name).Append(": ").Append(member.Summary).Append('\n');
            }
            else
            {
                string heading =
                    Signature.Of(member.Id, typeParameters, Names(member.TypeParameters), member.Parameters);
                members.Append("## ").Append(heading).Append("\n\n");
                Sections(members, member);
            }
        }
        if (head.Length + members.Length + fields.Length > MaximumCharacters)
            throw new InputException(
                $"The documentation of {typeName} is longer than {MaximumCharacters} characters: is the file damaged?");
    }

    /// <summary>The page as UTF-8, or null if there is nothing to say.</summary>
    public byte[]? ToUtf8()
    {
        if (head.Length + members.Length + fields.Length == 0 || IsResourceTable()) return null;
        string title = TypeNameText.Generic(typeName, typeParameters);
        StringBuilder page = new("# ", head.Length + members.Length + fields.Length + title.Length + 32);
        page.Append(title).Append("\n\n").Append(head).Append(members);
        if (fields.Length > 0) page.Append("## Fields\n\n").Append(fields).Append('\n');
        // Every section ends with a blank line; the page ends with its last line.
        page.Length--;
        return Encoding.UTF8.GetBytes(page.ToString());
    }

    /// <summary>Generated tables of error messages are not meant for readers.</summary>
    private bool IsResourceTable() =>
        TypeNameText.Short(typeName) is var name
        && (name is "SR"
            || (head.Length == 0
                && (name.EndsWith("Resources", StringComparison.Ordinal)
                    || name.EndsWith("Strings", StringComparison.Ordinal))));

    private static bool IsPlainField(MemberDocumentation member) =>
        member.Id.Kind == 'F'
        && member.Summary.Length > 0
        && member.Remarks.Length + member.Example.Length == 0
        && !member.Summary.Contains('\n', StringComparison.Ordinal);

    private static void Sections(StringBuilder page, MemberDocumentation member)
    {
        Paragraph(page, "", member.Summary);
        List(page, "Type parameters:\n", member.TypeParameters);
        List(page, "Parameters:\n", member.Parameters);
        bool property = member.Id.Kind is 'P' or 'F';
        Paragraph(page, property ? "Value: " : "Returns: ", member.Returns);
        Paragraph(page, "Value: ", member.Value);
        List(page, "Exceptions:\n", member.Exceptions);
        Paragraph(page, "Remarks: ", member.Remarks);
        Paragraph(page, "Example:\n\n", member.Example);
    }

    private static void Paragraph(StringBuilder page, string label, string text)
    {
        if (text.Length > 0) page.Append(label).Append(text).Append("\n\n");
    }

    private static void List(StringBuilder page, string label, List<(string Name, string Text)> entries)
    {
        if (!entries.Exists(entry => entry.Text.Length > 0)) return;
        page.Append(label);
        foreach ((string name, string text) in entries)
        {
            if (text.Length > 0) page.Append("- ").Append(name).Append(": ").Append(text).Append('\n');
        }
        page.Append('\n');
    }

    private static List<string> Names(List<(string Name, string Text)> entries) =>
        entries.ConvertAll(entry => entry.Name);
}
