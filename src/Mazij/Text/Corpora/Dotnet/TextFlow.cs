using System.Buffers;
using System.Text;

namespace Mazij.Text.Corpora.Dotnet;

/// <summary>
/// Builds tidy plain text from pieces: runs of white space become one space, blank lines become paragraph breaks, and
/// breaks at either end disappear.
/// </summary>
internal sealed class TextFlow
{
    private enum Break { None, Space, Line, Paragraph }

    private static readonly SearchValues<char> WhiteSpace = SearchValues.Create(" \n\r\t\v\f\u0085\u00A0\u2028\u2029");
    private static readonly SearchValues<char> RareWhiteSpace =
        SearchValues.Create("\n\r\t\v\f\u0085\u00A0\u2028\u2029");

    private readonly StringBuilder output = new();
    private Break pending;
    private int newlines;
    private string marker = "";

    /// <summary>Above 0 inside list items and entries, where a paragraph break reads as a space.</summary>
    public int Inline { get; set; }

    public int Length => output.Length;

    /// <summary>Appends running text; a line that begins with "- " or "* " stays a line of its own.</summary>
    public void Append(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            int word = text.IndexOfAnyExcept(WhiteSpace);
            int blank = word < 0 ? text.Length : word;
            if (blank > 0)
            {
                newlines += text[..blank].Count('\n');
                Want(Break.Space);
                text = text[blank..];
                if (text.IsEmpty) return;
            }
            if (newlines >= 2) Paragraph();
            else if (newlines == 1 && text is ['-' or '*', ' ', ..]) Want(Break.Line);
            int end = TidyLength(text);
            Emit(text[..end]);
            text = text[end..];
        }
    }

    /// <summary>Ends the paragraph.</summary>
    public void Paragraph() => Want(Inline > 0 ? Break.Space : Break.Paragraph);

    /// <summary>Ends the line.</summary>
    public void Line() => Want(Inline > 0 ? Break.Space : Break.Line);

    /// <summary>Begins a list item on a line of its own, with what stands before its text.</summary>
    public void Item(string itemMarker)
    {
        Want(Break.Line);
        marker = itemMarker;
    }

    /// <summary>Sets off what follows from the term before it: "term: what follows".</summary>
    public void Colon()
    {
        if (output.Length > 0 && output[^1] != ':') output.Append(':');
        pending = Break.Space;
    }

    /// <summary>Ends a list: what follows begins a line.</summary>
    public void EndList()
    {
        marker = "";
        Want(Inline > 0 ? Break.Line : Break.Paragraph);
    }

    /// <summary>Appends lines as they are, fenced, in a paragraph of their own.</summary>
    public void Code(string code)
    {
        Want(Break.Paragraph);
        Emit("```\n");
        output.Append(code).Append("\n```");
        Want(Break.Paragraph);
    }

    /// <summary>The text so far; the flow starts anew.</summary>
    public string Take()
    {
        string text = output.ToString();
        output.Clear();
        (pending, newlines, marker) = (Break.None, 0, "");
        return text;
    }

    /// <summary>The length of the part, from a word's start, that needs no change: words with single spaces
    /// between.</summary>
    private static int TidyLength(ReadOnlySpan<char> text)
    {
        int end = text.IndexOfAny(RareWhiteSpace);
        if (end < 0) end = text.Length;
        int doubled = text[..end].IndexOf("  ");
        if (doubled >= 0) end = doubled;
        return text[end - 1] == ' ' ? end - 1 : end;
    }

    private void Want(Break wanted)
    {
        if (wanted > pending) pending = wanted;
    }

    private void Emit(ReadOnlySpan<char> text)
    {
        if (output.Length > 0)
        {
            switch (pending)
            {
                case Break.Space: output.Append(' '); break;
                case Break.Line: output.Append('\n'); break;
                case Break.Paragraph: output.Append("\n\n"); break;
                default: break;
            }
        }
        pending = Break.None;
        newlines = 0;
        if (marker.Length > 0)
        {
            output.Append(marker);
            marker = "";
        }
        output.Append(text);
    }
}
