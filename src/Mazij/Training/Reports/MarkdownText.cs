using System.Text;

namespace Mazij.Training.Reports;

/// <summary>Puts foreign text into Markdown so that it stays text.</summary>
internal static class MarkdownText
{
    /// <summary>A cell of a table, or words in a line: one line, nothing in it that Markdown or HTML would take for a mark.</summary>
    public static string Cell(string text)
    {
        StringBuilder cell = new();
        foreach (char c in MessageText.OneLine(text, 300))
        {
            // Within a word, as in bailing_moe, an underscore marks nothing.
            bool isMark = c == '_' ? cell.Length == 0 || !char.IsLetterOrDigit(cell[^1]) : c is '|' or '*' or '`' or '<' or '[' or ']' or '#' or '\\';
            if (isMark)
                cell.Append('\\');
            cell.Append(c);
        }
        return cell.ToString();
    }

    /// <summary>A block shown as it is, however many backquotes are in it.</summary>
    public static string Block(string text)
    {
        int longest = 0, run = 0;
        foreach (char c in text)
        {
            run = c == '`' ? run + 1 : 0;
            longest = Math.Max(longest, run);
        }
        string fence = new('`', Math.Max(3, longest + 1));
        return $"{fence}text\n{text.ReplaceLineEndings("\n").TrimEnd('\n')}\n{fence}\n";
    }
}
