using System.Text;

namespace Mazij.Cli.LiveView;

/// <summary>
/// Keeps a frame of lines at the bottom of a terminal and lets other lines pass above it into the scrollback. Nothing that
/// it does to the terminal outlasts a write: the cursor is not hidden, colours end with their line, the screen is not
/// switched. So whatever ends the process, even SIGKILL, leaves a terminal that works, with the cursor below the frame.
/// </summary>
/// <param name="output">Writes to the terminal.</param>
internal sealed class LiveScreen(SurvivingWriter output)
{
    private const string BeginUpdate = "\e[?2026h"; // Terminals that know it show the whole update at once.
    private const string EndUpdate = "\e[?2026l";
    private const string ToLineEnd = "\e[K";
    private const string ToScreenEnd = "\e[J";
    private const string Home = "\e[H";

    private readonly Queue<string> recent = [];
    private int drawn;
    private TerminalSize size;

    /// <summary>Shows lines that stay and, below them, the frame.</summary>
    /// <param name="passing">Lines that stay, above the frame.</param>
    /// <param name="frame">The frame; each line shorter than the terminal is wide, all together fewer than it is high.</param>
    /// <param name="current">The terminal's size.</param>
    public void Show(IReadOnlyList<string> passing, IReadOnlyList<string> frame, TerminalSize current)
    {
        IReadOnlyList<string> added = passing;
        StringBuilder text = new(BeginUpdate);
        if (drawn > 0 && current.Columns < size.Columns)
        {
            // Terminals differ in what becomes of lines that are now too long, so there is no telling where the frame
            // began. The screen is written anew; what has scrolled out of it is not touched.
            text.Append(Home);
            passing = [.. recent.TakeLast(Math.Max(0, current.Rows - frame.Count - passing.Count - 1)), .. passing];
        }
        else if (drawn > 0)
        {
            text.Append("\e[").Append(drawn).Append('F');
        }
        if (passing.Count > 0)
            text.Append(ToScreenEnd); // Lines that stay may be wrapped: rows that they end in must be empty.
        foreach (string line in passing)
            text.Append(line).Append("\r\n");
        foreach (string line in frame)
            text.Append(line).Append(ToLineEnd).Append("\r\n");
        text.Append(ToScreenEnd).Append(EndUpdate);
        output.Write(text.ToString());
        drawn = frame.Count;
        size = current;
        Remember(added, current.Rows);
    }

    /// <summary>Leaves what is on the screen as it is: the next frame is drawn below it. For when something else may have
    /// written there.</summary>
    public void Leave() => drawn = 0;

    private void Remember(IReadOnlyList<string> lines, int rows)
    {
        foreach (string line in lines)
            recent.Enqueue(line);
        while (recent.Count > Math.Max(rows, 1))
            recent.Dequeue();
    }
}
