using Mazij.Cli.LiveView;

namespace Mazij.Cli.Tests.LiveView;

public sealed class LiveScreenTests
{
    private static readonly TerminalSize size = new(20, 8);
    private readonly VirtualTerminal terminal = new(20, 8);
    private readonly LiveScreen screen;

    public LiveScreenTests() => screen = new LiveScreen(new SurvivingWriter(terminal.Write));

    [Fact]
    public void A_frame_replaces_the_one_before()
    {
        screen.Show([], ["one", "a longer line", "three"], size);
        screen.Show([], ["ONE", "short"], size);
        Assert.Equal(["ONE", "short", "", "", "", "", "", ""], terminal.Screen);
        Assert.Equal((2, 0), terminal.Cursor);
    }

    [Fact]
    public void Lines_pass_above_the_frame_into_the_scrollback()
    {
        screen.Show([], ["frame 1", "frame 2"], size);
        for (int line = 1; line <= 20; line++)
            screen.Show([$"line {line}"], ["frame 1", "frame 2"], size);
        Assert.Equal([.. Enumerable.Range(1, 20).Select(line => $"line {line}"), "frame 1", "frame 2", ""], terminal.Everything);
    }

    [Fact]
    public void A_line_that_the_terminal_wraps_leaves_nothing_of_the_frame()
    {
        screen.Show([], ["####################"[..19], "###################", "###################"], size);
        screen.Show(["a line of exactly 40 cells fills two rows"[..40], "and one that is wrapped once"], ["f"], size);
        Assert.Equal(["a line of exactly 40", " cells fills two row", "and one that is wrap", "ped once", "f", "", "", ""], terminal.Screen);
    }

    [Fact]
    public void A_narrower_terminal_is_drawn_anew()
    {
        screen.Show(["kept line"], ["frame one two three", "second"], size);
        terminal.Resize(10, 6);
        screen.Show(["new line"], ["narrow", "second"], new TerminalSize(10, 6));
        Assert.Equal(["kept line", "new line", "narrow", "second", "", ""], terminal.Screen);
    }

    [Fact]
    public void A_lower_or_wider_terminal_keeps_one_frame()
    {
        screen.Show(["kept"], ["1", "2", "3", "4", "5", "6"], size);
        terminal.Resize(30, 5);
        screen.Show([], ["1", "2", "3"], new TerminalSize(30, 5));
        Assert.Equal(["1", "2", "3", "", ""], terminal.Screen);
        terminal.Resize(30, 9);
        screen.Show([], ["1", "2", "3", "4"], new TerminalSize(30, 9));
        Assert.Equal(["1", "2", "3", "4", "", "", "", "", ""], terminal.Screen);
    }

    [Fact]
    public void A_frame_begins_anew_below_what_something_else_wrote()
    {
        screen.Show([], ["frame"], size);
        terminal.Write("$ fg\r\n");
        screen.Leave();
        screen.Show([], ["frame"], size);
        Assert.Equal(["frame", "$ fg", "frame"], terminal.Screen[..3]);
    }

    [Fact]
    public void Leaves_no_trace_but_its_lines_after_any_write()
    {
        List<string> writes = [];
        LiveScreen recording = new(new SurvivingWriter(writes.Add));
        FrameRenderer renderer = new(new TerminalTraits(Spectre.Console.ColorSystemSupport.EightBit, Unicode: true));
        string[] frame = renderer.Lines(new Dashboard(Views.Half(), Views.Moment, 22, renderer.Glyphs), 79);
        recording.Show(["passing"], frame, new TerminalSize(80, 24));
        // One write a frame, and behind it the terminal is as it was.
        string write = Assert.Single(writes);
        Assert.DoesNotContain("\e[?25", write, StringComparison.Ordinal);
        Assert.DoesNotContain("\e[?1049", write, StringComparison.Ordinal);
        VirtualTerminal whole = new(80, 24);
        whole.Write(write);
        Assert.True(whole.IsPlain);
        Assert.Equal(0, whole.Cursor.Column);
        Assert.Contains("\e[38;5;", write, StringComparison.Ordinal);
        Assert.All(frame, line => Assert.True(!line.Contains('\e') || line.EndsWith("\e[0m", StringComparison.Ordinal) || line.LastIndexOf("\e[0m", StringComparison.Ordinal) > line.LastIndexOf("\e[38", StringComparison.Ordinal)));
    }

    [Fact]
    public void Without_colours_there_are_none()
    {
        FrameRenderer renderer = new(new TerminalTraits(Spectre.Console.ColorSystemSupport.NoColors, Unicode: true));
        string frame = string.Concat(renderer.Lines(new Dashboard(Views.Half(), Views.Moment, 22, renderer.Glyphs), 79));
        Assert.DoesNotMatch(@"\e\[[0-9;]*(3[0-9]|9[0-7])[0-9;]*m", frame);
    }
}
