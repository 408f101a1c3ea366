using System.Text;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Mazij.Cli.LiveView;

/// <summary>A line of styled text that never becomes wider than its limit.</summary>
/// <param name="limit">Cells it may fill.</param>
/// <param name="glyphs">How a cut is marked.</param>
internal sealed class StyledLine(int limit, Glyphs glyphs)
{
    private readonly List<Segment> segments = [];
    private readonly StringBuilder run = new();
    private Style runStyle = Style.Plain;

    /// <summary>Cells filled.</summary>
    public int Width { get; private set; }

    /// <summary>Cells left.</summary>
    public int Room => Math.Max(0, limit - Width);

    /// <summary>The styled pieces, each as long as its style lasts.</summary>
    public IReadOnlyList<Segment> Segments
    {
        get
        {
            EndRun();
            return segments;
        }
    }

    /// <summary>Appends a text; what does not fit is cut, which its last cell shows.</summary>
    public StyledLine Add(string text, Style? style = null)
    {
        int width = text.GetCellWidth();
        if (width > Room)
            (text, width) = Fit(text, Room);
        style ??= Style.Plain;
        if (style != runStyle)
            EndRun();
        runStyle = style.Value;
        run.Append(text);
        Width += width;
        return this;
    }

    /// <summary>Appends a character so many times.</summary>
    public StyledLine Fill(char glyph, int count, Style? style = null) => Add(new string(glyph, Math.Clamp(count, 0, Room)), style);

    /// <summary>Appends spaces up to a column.</summary>
    public StyledLine PadTo(int column) => Fill(' ', column - Width);

    /// <summary>Appends another line.</summary>
    public StyledLine Add(StyledLine other)
    {
        foreach (Segment segment in other.Segments)
            Add(segment.Text, segment.Style);
        return this;
    }

    private void EndRun()
    {
        if (run.Length > 0)
            segments.Add(new Segment(run.ToString(), runStyle));
        run.Clear();
    }

    private (string Text, int Width) Fit(string text, int room)
    {
        if (room == 0)
            return ("", 0);
        int end = 0, width = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            int next = rune.ToString().GetCellWidth();
            if (width + next > room - 1)
                break;
            width += next;
            end += rune.Utf16SequenceLength;
        }
        return (text[..end] + glyphs.Cut, width + 1);
    }
}
