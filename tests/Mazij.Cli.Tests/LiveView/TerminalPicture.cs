using System.Globalization;
using System.Net;
using System.Text;
using Spectre.Console;

namespace Mazij.Cli.Tests.LiveView;

/// <summary>
/// A terminal's screen as an SVG picture. Bars, lines and Braille patterns are drawn as shapes, so that the picture does not
/// depend on the fonts of whoever looks at it.
/// </summary>
internal static class TerminalPicture
{
    private const double CellWidth = 8.4;
    private const double CellHeight = 18;
    private const double Margin = 14;
    private const double Baseline = 13.5;
    private const string Background = "#0d1117";
    private const string DefaultText = "#c9d1d9";
    private const string Levels = "▁▂▃▄▅▆▇█";

    public static string ToSvg(VirtualTerminal terminal)
    {
        StringBuilder svg = new();
        double width = (terminal.Columns * CellWidth) + (2 * Margin), height = (terminal.Rows * CellHeight) + (2 * Margin);
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:0.#} {height:0.#}\" font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"14\">\n");
        svg.Append(CultureInfo.InvariantCulture, $"<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{Background}\"/>\n");
        for (int row = 0; row < terminal.Rows; row++)
        {
            for (int column = 0; column < terminal.Columns;)
                column = Draw(svg, terminal, row, column);
        }
        return svg.Append("</svg>\n").ToString();
    }

    /// <summary>Draws the cell, or the text that begins there, and returns the column behind it.</summary>
    private static int Draw(StringBuilder svg, VirtualTerminal terminal, int row, int column)
    {
        TerminalCell cell = terminal[row, column];
        char glyph = cell.Text.Length == 1 ? cell.Text[0] : 'x';
        double x = Margin + (column * CellWidth), y = Margin + (row * CellHeight);
        string color = Hex(cell.Foreground);
        if (glyph == ' ' || cell.Text.Length == 0)
            return column + 1;
        if (IsText(glyph))
            return DrawText(svg, terminal, row, column);
        int level = Levels.IndexOf(glyph, StringComparison.Ordinal) + 1;
        int end = column + 1;
        if (level > 0)
        {
            double part = (CellHeight - 2) * level / Levels.Length;
            Rectangle(svg, x, y + CellHeight - 1 - part, CellWidth - 0.6, part, color);
        }
        else if (glyph is '─' or '━')
        {
            while (end < terminal.Columns && terminal[row, end] == cell)
                end++;
            double thick = glyph == '━' ? 4 : 1;
            Rectangle(svg, x, y + ((CellHeight - thick) / 2), (end - column) * CellWidth, thick, color);
        }
        else if (glyph is '│' or '┤')
        {
            Rectangle(svg, x + (CellWidth / 2), y, 1, CellHeight, color);
            if (glyph == '┤')
                Rectangle(svg, x, y + (CellHeight / 2), CellWidth / 2, 1, color);
        }
        else if (glyph == '●')
        {
            Dot(svg, x + (CellWidth / 2), y + (CellHeight / 2), 3.4, color);
        }
        else
        {
            DrawBraille(svg, glyph - '\u2800', x, y, color);
        }
        return end;
    }

    private static bool IsText(char glyph) => glyph is not ('─' or '━' or '│' or '┤' or '●' or (>= '\u2801' and <= '\u28FF'))
        && !Levels.Contains(glyph, StringComparison.Ordinal);

    private static int DrawText(StringBuilder svg, VirtualTerminal terminal, int row, int column)
    {
        TerminalCell first = terminal[row, column];
        StringBuilder text = new();
        int end = column, filled = column;
        for (; end < terminal.Columns && terminal[row, end] is var cell; end++)
        {
            bool blank = cell.Text == " ";
            if (!blank && (cell.Foreground != first.Foreground || cell.Bold != first.Bold || (cell.Text.Length == 1 && !IsText(cell.Text[0]))))
                break;
            text.Append(cell.Text);
            if (!blank)
                filled = end + 1;
            else if (end - filled >= 1)
                break; // Words far apart are placed one by one.
        }
        string shown = WebUtility.HtmlEncode(text.ToString().TrimEnd());
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Margin + (column * CellWidth):0.#}\" y=\"{Margin + (row * CellHeight) + Baseline:0.#}\" textLength=\"{(filled - column) * CellWidth:0.#}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{Hex(first.Foreground)}\"{(first.Bold ? " font-weight=\"bold\"" : "")}>{shown}</text>\n");
        return filled;
    }

    private static void DrawBraille(StringBuilder svg, int pattern, double x, double y, string color)
    {
        // Dots 1 to 3 and 7 stand in the left column, 4 to 6 and 8 in the right one.
        (int Bit, int Across, int Down)[] dots = [(0, 0, 0), (1, 0, 1), (2, 0, 2), (3, 1, 0), (4, 1, 1), (5, 1, 2), (6, 0, 3), (7, 1, 3)];
        foreach ((int bit, int across, int down) in dots)
        {
            if ((pattern >> bit & 1) != 0)
                Dot(svg, x + (CellWidth * ((2 * across) + 1) / 4), y + (CellHeight * ((2 * down) + 1) / 8), 1.5, color);
        }
    }

    private static void Rectangle(StringBuilder svg, double x, double y, double width, double height, string color) =>
        svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{x:0.#}\" y=\"{y:0.#}\" width=\"{width:0.#}\" height=\"{height:0.#}\" fill=\"{color}\"/>\n");

    private static void Dot(StringBuilder svg, double x, double y, double radius, string color) =>
        svg.Append(CultureInfo.InvariantCulture, $"<circle cx=\"{x:0.#}\" cy=\"{y:0.#}\" r=\"{radius:0.#}\" fill=\"{color}\"/>\n");

    private static string Hex(Color color) => color == Color.Default ? DefaultText : "#" + color.ToHex().ToLowerInvariant();
}
