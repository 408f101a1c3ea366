using System.Globalization;
using Spectre.Console;
using Color = Spectre.Console.Color;

namespace Mazij.Cli.Tests;

/// <summary>A cell of a terminal's screen.</summary>
/// <param name="Text">What stands in it; empty for the right half of a wide character.</param>
/// <param name="Foreground">Its colour.</param>
/// <param name="Bold">Whether it is bold.</param>
internal readonly record struct TerminalCell(string Text, Color Foreground, bool Bold);

/// <summary>
/// The screen of a terminal, computed from what was written to it. It knows the control sequences that Mazij uses and throws
/// at any other, so that text from data cannot smuggle one in unnoticed.
/// </summary>
internal sealed class VirtualTerminal
{
    private static readonly TerminalCell blank = new(" ", Color.Default, false);
    private readonly List<string> scrollback = [];
    private List<TerminalCell[]> screen;
    private int row, column;
    private bool wraps;
    private Color foreground = Color.Default;
    private bool bold;

    public VirtualTerminal(int columns, int rows)
    {
        Columns = columns;
        screen = [.. Enumerable.Range(0, rows).Select(_ => Blank())];
    }

    public int Columns { get; private set; }

    public int Rows => screen.Count;

    /// <summary>The cursor's row and column, from 0.</summary>
    public (int Row, int Column) Cursor => (row, column);

    /// <summary>Whether colours are as at the start.</summary>
    public bool IsPlain => foreground == Color.Default && !bold;

    /// <summary>The screen's rows without trailing spaces.</summary>
    public string[] Screen => [.. screen.Select(Text)];

    /// <summary>Rows that left the screen at the top, then the screen's.</summary>
    public string[] Everything => [.. scrollback, .. Screen];

    public TerminalCell this[int atRow, int atColumn] => screen[atRow][atColumn];

    /// <summary>Takes in what was written.</summary>
    public void Write(string text)
    {
        for (int index = 0; index < text.Length;)
        {
            if (text[index] == '\e')
                index = Escape(text, index);
            else if (text[index] is '\n' or '\r')
                Move(text[index++]);
            else if (char.IsControl(text[index]))
                throw new InvalidOperationException($"control character {(int)text[index]:X2} reached the terminal: {Shown(text, Math.Max(0, index - 30))}");
            else
                index += Put(System.Text.Rune.GetRuneAt(text, index).ToString());
        }
    }

    /// <summary>Changes the size as xterm does: lines are cut or extended, rows leave at the top.</summary>
    public void Resize(int columns, int rows)
    {
        screen = [.. screen.Select(line => line.Concat(Enumerable.Repeat(blank, columns)).Take(columns).ToArray())];
        Columns = columns;
        while (screen.Count > rows && row < screen.Count - 1)
            screen.RemoveAt(screen.Count - 1);
        while (screen.Count > rows)
            Scroll();
        while (screen.Count < rows)
            screen.Add(Blank());
        (row, column, wraps) = (Math.Min(row, rows - 1), Math.Min(column, columns - 1), false);
    }

    private void Move(char control)
    {
        wraps = false;
        if (control == '\r')
            column = 0;
        else if (row < screen.Count - 1)
            row++;
        else
        {
            Scroll();
            screen.Add(Blank());
            row = screen.Count - 1;
        }
    }

    private int Put(string text)
    {
        int width = text.GetCellWidth();
        if (wraps || column + width > Columns)
        {
            column = 0;
            Move('\n');
        }
        if (width > 0)
            screen[row][column] = new TerminalCell(text, foreground, bold);
        for (int right = 1; right < width; right++)
            screen[row][column + right] = new TerminalCell("", foreground, bold);
        column += width;
        wraps = column >= Columns;
        column = Math.Min(column, Columns - 1);
        return text.Length;
    }

    private int Escape(string text, int start)
    {
        // The application modes of keypad and cursor keys, which the .NET console switches on, and their end.
        if (text.AsSpan(start).StartsWith("\e=") || text.AsSpan(start).StartsWith("\e>"))
            return start + 2;
        if (start + 1 >= text.Length || text[start + 1] != '[')
            throw new InvalidOperationException($"unknown sequence: {Shown(text, start)}");
        int end = start + 2;
        while (end < text.Length && text[end] is (>= '0' and <= '9') or ';' or '?')
            end++;
        string parameters = text[(start + 2)..end];
        int count = int.TryParse(parameters, CultureInfo.InvariantCulture, out int given) ? given : 1;
        switch (text[end])
        {
            case 'F':
                (row, column, wraps) = (Math.Max(0, row - count), 0, false);
                break;
            case 'H' when parameters.Length == 0:
                (row, column, wraps) = (0, 0, false);
                break;
            case 'K' when parameters.Length == 0:
                Array.Fill(screen[row], blank, column, Columns - column);
                break;
            case 'J' when parameters.Length == 0:
                Array.Fill(screen[row], blank, column, Columns - column);
                for (int below = row + 1; below < screen.Count; below++)
                    screen[below] = Blank();
                break;
            case 'h' or 'l' when parameters is "?2026" or "?1":
                break;
            case 'm':
                Style(parameters);
                break;
            default:
                throw new InvalidOperationException($"unknown sequence: {Shown(text, start)}");
        }
        return end + 1;
    }

    private void Style(string parameters)
    {
        int[] codes = [.. parameters.Split(';').Select(code => code.Length == 0 ? 0 : int.Parse(code, CultureInfo.InvariantCulture))];
        for (int index = 0; index < codes.Length; index++)
        {
            switch (codes[index])
            {
                case 0:
                    (foreground, bold) = (Color.Default, false);
                    break;
                case 1:
                    bold = true;
                    break;
                case >= 30 and <= 37:
                    foreground = Color.FromInt32(codes[index] - 30);
                    break;
                case >= 90 and <= 97:
                    foreground = Color.FromInt32(codes[index] - 82);
                    break;
                case 38 when codes[index + 1] == 5:
                    foreground = Color.FromInt32(codes[index + 2]);
                    index += 2;
                    break;
                case 38 when codes[index + 1] == 2:
                    foreground = new Color((byte)codes[index + 2], (byte)codes[index + 3], (byte)codes[index + 4]);
                    index += 4;
                    break;
                default:
                    throw new InvalidOperationException($"unknown style {parameters}");
            }
        }
    }

    private void Scroll()
    {
        scrollback.Add(Text(screen[0]));
        screen.RemoveAt(0);
        row = Math.Max(0, row - 1);
    }

    private TerminalCell[] Blank() => [.. Enumerable.Repeat(blank, Columns)];

    private static string Text(TerminalCell[] line) => string.Concat(line.Select(cell => cell.Text)).TrimEnd();

    private static string Shown(string text, int start) =>
        text.Substring(start, Math.Min(60, text.Length - start)).Replace("\e", "ESC", StringComparison.Ordinal);
}
