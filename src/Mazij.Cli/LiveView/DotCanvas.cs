namespace Mazij.Cli.LiveView;

/// <summary>A field of cells on which dots are set, several to a cell where the terminal has Braille patterns.</summary>
internal sealed class DotCanvas
{
    private readonly int[,] patterns;
    private readonly Glyphs glyphs;

    /// <summary>An empty field.</summary>
    public DotCanvas(int columns, int rows, Glyphs glyphs)
    {
        patterns = new int[rows, columns];
        this.glyphs = glyphs;
    }

    /// <summary>Dots across.</summary>
    public int Width => patterns.GetLength(1) * glyphs.DotsAcross;

    /// <summary>Dots down.</summary>
    public int Height => patterns.GetLength(0) * glyphs.DotsDown;

    /// <summary>Sets the dots of a line between two dots, the ends included; y counts from the top.</summary>
    public void Line((int X, int Y) from, (int X, int Y) to)
    {
        int steps = Math.Max(Math.Abs(to.X - from.X), Math.Abs(to.Y - from.Y));
        for (int step = 0; step <= steps; step++)
        {
            double share = steps == 0 ? 0 : (double)step / steps;
            Set((int)Math.Round(from.X + (share * (to.X - from.X))), (int)Math.Round(from.Y + (share * (to.Y - from.Y))));
        }
    }

    /// <summary>The character of a cell; a space if it has no dots.</summary>
    public char this[int row, int column] => glyphs.Cell(patterns[row, column]);

    private void Set(int x, int y) =>
        patterns[y / glyphs.DotsDown, x / glyphs.DotsAcross] |= glyphs.Bit(x % glyphs.DotsAcross, y % glyphs.DotsDown);
}
