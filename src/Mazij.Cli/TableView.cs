using Spectre.Console;
using Spectre.Console.Rendering;

namespace Mazij.Cli;

/// <summary>
/// A plain table of texts: headings, aligned columns, no colours. As wide as the terminal, 80 columns where output is
/// redirected; cells that do not fit are wrapped.
/// </summary>
internal sealed class TableView
{
    private const int RedirectedWidth = 80;
    private readonly Table table = new Table().Border(TableBorder.Simple);

    /// <summary>Starts a table.</summary>
    /// <param name="headings">The columns; one that begins with '>' is aligned to the right.</param>
    public TableView(params ReadOnlySpan<string> headings)
    {
        foreach (string heading in headings)
        {
            bool right = heading.StartsWith('>');
            TableColumn column = new(new Spectre.Console.Text(right ? heading[1..] : heading));
            column.Padding = new Padding(0, 0, 1, 0);
            table.AddColumn(right ? column.RightAligned().NoWrap() : column);
        }
    }

    /// <summary>Adds a row.</summary>
    public void Add(params ReadOnlySpan<string> cells)
    {
        List<IRenderable> row = [];
        foreach (string cell in cells)
            row.Add(new Spectre.Console.Text(TerminalText.CleanLine(cell)));
        table.AddRow(row);
    }

    /// <summary>Prints the table.</summary>
    /// <param name="minimumWidth">Columns it takes at least: a wide table reads better cut off than wrapped within its cells.</param>
    public void Print(int minimumWidth = RedirectedWidth)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(Console.Out),
        });
        console.Profile.Width = Console.IsOutputRedirected ? minimumWidth : Math.Max(minimumWidth, Console.WindowWidth);
        // Rendered to lines first: the table pads each to its width with spaces that nobody needs.
        foreach (SegmentLine line in Segment.SplitLines(table.GetSegments(console)))
        {
            string text = string.Concat(line.Select(segment => segment.Text)).TrimEnd();
            if (text.Length > 0)
                Console.Out.WriteLine(text);
        }
    }
}
