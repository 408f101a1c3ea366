using Mazij.Cli.LiveView;
using Mazij.Training;
using Spectre.Console;

namespace Mazij.Cli.Tests.LiveView;

public sealed class LiveProgressTests
{
    private static readonly TerminalTraits traits = new(ColorSystemSupport.EightBit, Unicode: true);
    private static readonly TrainingEvent spike = new(7, TrainingEventKind.NarrowSpike, "the loss\e[2J stood out");

    [Fact]
    public void The_last_frame_stays_with_the_lines_above_it()
    {
        VirtualTerminal terminal = new(80, 24);
        using (LiveProgress live = new(new SurvivingWriter(terminal.Write), traits, () => new TerminalSize(80, 24)))
        {
            live.Begin(Views.Start());
            live.Record(Views.Step(7, 2.5), new TrainingProgress { Step = 7, Seconds = 70 });
            live.Happened(null!, spike);
        }
        Assert.Equal("event       step 7: the loss␛[2J stood out", terminal.Everything[0]);
        Assert.StartsWith("runs/first", terminal.Everything[1], StringComparison.Ordinal);
        Assert.Single(terminal.Everything, line => line.StartsWith("runs/first", StringComparison.Ordinal));
        Assert.Contains(terminal.Screen, line => line.StartsWith("step 7 of 200", StringComparison.Ordinal));
        Assert.True(terminal.IsPlain);
        Assert.Equal(0, terminal.Cursor.Column);
        Assert.Equal("", terminal.Screen[terminal.Cursor.Row]);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(80, 2)]
    [InlineData(3, 24)]
    [InlineData(1000, 500)]
    public void A_terminal_of_any_size_does_no_harm(int columns, int rows)
    {
        List<string> writes = [];
        using (LiveProgress live = new(new SurvivingWriter(writes.Add), traits, () => new TerminalSize(columns, rows)))
        {
            live.Begin(Views.Half());
            live.Noted(null!, "hello");
        }
        Assert.Contains("note        hello", string.Concat(writes), StringComparison.Ordinal);
    }

    [Fact]
    public void A_terminal_that_vanishes_ends_the_view_alone()
    {
        int attempts = 0;
        using LiveProgress live = new(new SurvivingWriter(_ => Fail()), traits, () => new TerminalSize(80, 24));
        live.Begin(Views.Half());
        live.Record(Views.Step(101, 2.5), new TrainingProgress { Step = 101 });
        live.Happened(null!, spike);
        live.Dispose();
        live.Noted(null!, "afterwards");
        Assert.Equal(1, attempts);

        void Fail()
        {
            attempts++;
            throw new IOException("Input/output error");
        }
    }

    [Fact]
    public void A_terminal_that_takes_no_more_holds_up_neither_steps_nor_the_end()
    {
        using ManualResetEventSlim writing = new(), released = new();
        LiveProgress live = new(new SurvivingWriter(_ => Block()), traits, () => new TerminalSize(80, 24));
        live.Begin(Views.Half());
        writing.Wait(TestContext.Current.CancellationToken);
        // The view's thread hangs in its write for good; all of this returns.
        for (int step = 101; step < 2000; step++)
        {
            live.Record(Views.Step(step, 2.5), new TrainingProgress { Step = step });
            live.Noted(null!, "a line");
        }
        live.Dispose();
        live.Noted(null!, "afterwards");
        Assert.False(released.IsSet);
        released.Set();

        void Block()
        {
            writing.Set();
            released.Wait();
        }
    }

    [Fact]
    public void A_fault_of_the_view_leaves_plain_lines()
    {
        VirtualTerminal terminal = new(120, 24);
        using ManualResetEventSlim measured = new();
        using (LiveProgress live = new(new SurvivingWriter(text => terminal.Write(text.ReplaceLineEndings("\r\n"))), traits, () => Fail()))
        {
            live.Begin(Views.Half());
            measured.Wait(TestContext.Current.CancellationToken);
            live.Noted(null!, "still there");
        }
        Assert.Contains("note        the live view failed: no size", terminal.Screen);
        Assert.Contains("note        still there", terminal.Screen);

        TerminalSize Fail()
        {
            measured.Set();
            throw new InvalidOperationException("no size");
        }
    }

    [Fact]
    public void Without_UTF8_nothing_else_than_ASCII_is_written()
    {
        List<string> writes = [];
        using (LiveProgress live = new(new SurvivingWriter(writes.Add), traits with { Unicode = false }, () => new TerminalSize(80, 24)))
        {
            live.Begin(Views.Half());
            live.Sampled(null!, new SampleRecord(1, "größe", " مزيج"));
        }
        string all = string.Concat(writes);
        Assert.True(System.Text.Ascii.IsValid(all));
        Assert.Contains("gr??e", all, StringComparison.Ordinal);
    }
}
