namespace Mazij.Cli.LiveView;

/// <summary>The characters that a terminal can show, and what the view draws with them.</summary>
internal sealed class Glyphs
{
    private const char Braille = '\u2800';
    private readonly string levels;

    private Glyphs(bool unicode, string levels)
    {
        Unicode = unicode;
        this.levels = levels;
    }

    /// <summary>Blocks, lines and Braille patterns.</summary>
    public static Glyphs Full { get; } = new(unicode: true, "▁▂▃▄▅▆▇█");

    /// <summary>ASCII alone.</summary>
    public static Glyphs Ascii { get; } = new(unicode: false, ".:-=+*%#");

    /// <summary>Whether more than ASCII can be shown.</summary>
    public bool Unicode { get; }

    /// <summary>The part of a bar that is done.</summary>
    public char BarDone => Unicode ? '━' : '=';

    /// <summary>The part of a bar that is not.</summary>
    public char BarRest => Unicode ? '─' : '-';

    /// <summary>A horizontal rule.</summary>
    public char Rule => Unicode ? '─' : '-';

    /// <summary>An expert that no token chose.</summary>
    public char Dead => Unicode ? '×' : 'x';

    /// <summary>The vertical axis of a chart.</summary>
    public char Axis => Unicode ? '│' : '|';

    /// <summary>The vertical axis beside a label.</summary>
    public char AxisTick => Unicode ? '┤' : '+';

    /// <summary>Stands for a curve in a legend.</summary>
    public char Curve => Unicode ? '━' : '*';

    /// <summary>A measured point in a chart.</summary>
    public char Point => Unicode ? '●' : 'o';

    /// <summary>Ends a text that was cut.</summary>
    public char Cut => Unicode ? '…' : '~';

    /// <summary>Dots of a chart in a cell, across.</summary>
    public int DotsAcross => Unicode ? 2 : 1;

    /// <summary>Dots of a chart in a cell, down.</summary>
    public int DotsDown => Unicode ? 4 : 1;

    /// <summary>The bit of a dot in a cell's pattern.</summary>
    public int Bit(int across, int down) => Unicode ? down < 3 ? 1 << (down + (3 * across)) : 0x40 << across : 1;

    /// <summary>The character of a cell's pattern; a space without dots.</summary>
    public char Cell(int pattern) => pattern == 0 ? ' ' : Unicode ? (char)(Braille + pattern) : '*';

    /// <summary>A bar as high as a share of the cell, from the lowest at 0 to the full cell at 1.</summary>
    public char Level(double share) =>
        levels[double.IsNaN(share) ? 0 : (int)Math.Clamp(Math.Ceiling(share * levels.Length) - 1, 0, levels.Length - 1)];

    /// <summary>A text from data on one line of the view, in characters that can be shown.</summary>
    public string Text(string text)
    {
        string line = TerminalText.CleanLine(text);
        return Unicode ? line : TerminalText.ToAscii(line);
    }
}
