using Mazij.Cli.LiveView;
using Mazij.Training;
using Spectre.Console;
using Spectre.Console.Testing;

namespace Mazij.Cli.Tests.LiveView;

public sealed class DashboardTests
{
    [Theory]
    [InlineData(40, 8, 8)]
    [InlineData(60, 14, 14)]
    [InlineData(79, 22, 22)]
    [InlineData(120, 22, 20)]
    [InlineData(200, 60, 22)]
    public void Fits_into_width_and_height_and_uses_it(int width, int height, int least)
    {
        string[] lines = Render(Views.Half(), width, height);
        Assert.InRange(lines.Length, least, height);
        Assert.All(lines, line => Assert.InRange(line.GetCellWidth(), 0, width));
    }

    [Fact]
    public void Shows_the_whole_run_on_a_usual_terminal()
    {
        string[] lines = Render(Views.Half(), 79, 22);
        string all = string.Join('\n', lines);
        Assert.StartsWith("runs/first", lines[0], StringComparison.Ordinal);
        Assert.EndsWith("12.1 M parameters, 7.4 M active", lines[0], StringComparison.Ordinal);
        Assert.EndsWith(" 50.0 %", lines[1], StringComparison.Ordinal);
        // 100 steps took 1000 s; a second has passed since.
        Assert.Equal("step 100 of 200   time 16:41   left 16:39   tokens 410 K", lines[2]);
        Assert.Contains("training 3.0000", all, StringComparison.Ordinal);
        Assert.Contains("validation 6.2500, 1.900 bits/byte", all, StringComparison.Ordinal);
        Assert.Contains("gzip -9 1.235", all, StringComparison.Ordinal);
        Assert.Contains("tokens/s      9,411", all, StringComparison.Ordinal);
        Assert.Contains("learning rate 3.00e-3", all, StringComparison.Ordinal);
        Assert.Contains("gradient norm 0.61", all, StringComparison.Ordinal);
        Assert.Contains("MFU     74 % ", all, StringComparison.Ordinal);
        Assert.Contains("311 GFLOP/s", all, StringComparison.Ordinal);
        Assert.Contains("memory  1.50 GiB, peak 1.75 of 16.0", all, StringComparison.Ordinal);
        Assert.Contains("cost    0.56 USD, 1.11 at the end", all, StringComparison.Ordinal);
        Assert.Contains("checkpoint    step 60, 6:40 ago", all, StringComparison.Ordinal);
        Assert.Contains("events  1, 1 steps skipped", all, StringComparison.Ordinal);
        Assert.Contains("max/mean 1.30   dead 1   entropy 0.93 of 1", all, StringComparison.Ordinal);
        Assert.EndsWith("step 70  the loss is NaN; the update was skipped", lines[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(59, 14)]
    [InlineData(120, 22)]
    public void Shows_every_part_on_small_and_wide_terminals(int width, int height)
    {
        string all = string.Join('\n', Render(Views.Half(), width, height));
        string[] parts = ["50.0 %", "left 16:39", "training 3.0000", "tokens/s", "learning rate", "gradient norm", "MFU", "memory", "cost", "checkpoint", "events", "max/mean", "×"];
        Assert.All(parts, part => Assert.Contains(part, all, StringComparison.Ordinal));
    }

    [Fact]
    public void Names_batch_length_and_mixture_in_one_line_and_lists_the_sources()
    {
        string[] lines = Render(Views.Mixed(), 79, 30);
        Assert.Equal(
            "batch 4 of 16 x 2,048 tokens, long context   mixture source-2 50 %, 2 more", lines[3]);
        Assert.Equal(
            "batch 4 of 16 x 2,048 tokens, long context   mixture source-2 50 %, source-1 33.3 %, source-0 16.7 %",
            Render(Views.Mixed(), 120, 40)[3]);
        // Half of each source's 4,000 tokens is in another one too.
        Assert.Contains("source-2          50.0 %   1.00 K    0.50    5.0000   1.500", lines);
        Assert.Contains(lines, line => line.Contains("sources: share now, drawn, passes", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(40, 8)]
    [InlineData(79, 22)]
    [InlineData(120, 30)]
    [InlineData(200, 60)]
    public void Many_sources_fit_too(int width, int height)
    {
        string[] lines = Render(Views.Mixed(sources: 40), width, height);
        Assert.InRange(lines.Length, 1, height);
        Assert.All(lines, line => Assert.InRange(line.GetCellWidth(), 0, width));
        Assert.StartsWith("batch 4 of 16 x 2,048 tokens", lines[3], StringComparison.Ordinal);
    }

    [Fact]
    public void Draws_in_ASCII_where_that_is_all_there_is()
    {
        string[] lines = Render(Views.Half(), 79, 22, Glyphs.Ascii);
        Assert.All(lines, line => Assert.True(System.Text.Ascii.IsValid(line), line));
        Assert.Contains(lines, line => line.StartsWith("======", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("=x", StringComparison.Ordinal) || line.Contains("+x", StringComparison.Ordinal) || line.Contains("*x", StringComparison.Ordinal));
    }

    [Fact]
    public void Says_what_happens_between_two_steps()
    {
        RunView view = Views.Half();
        Assert.Contains("evaluating", Render(view.With(TrainingActivity.Evaluating), 79, 22)[2], StringComparison.Ordinal);
        Assert.Contains("writing samples", Render(view.With(TrainingActivity.Sampling), 79, 22)[2], StringComparison.Ordinal);
        RunView saving = view.With(TrainingActivity.SavingCheckpoint);
        Assert.Contains("saving", Render(saving, 79, 22)[2], StringComparison.Ordinal);
        Assert.Contains(Render(saving, 79, 22), line => line.Contains("checkpoint    being written, step 60", StringComparison.Ordinal));
        Assert.Contains("stopping", Render(view with { State = RunState.Stopping }, 79, 22)[2], StringComparison.Ordinal);
        string done = Render(view with { State = RunState.Complete }, 79, 22)[2];
        Assert.Contains("done", done, StringComparison.Ordinal);
        Assert.DoesNotContain("left", done, StringComparison.Ordinal);
    }

    [Fact]
    public void Estimates_bits_per_byte_until_the_first_evaluation()
    {
        RunView view = Views.Start().With(Views.Step(1, 4.5 * Math.Log(2)), new TrainingProgress { Step = 1, Seconds = 10 });
        Assert.Contains(Render(view, 79, 22), line => line.Contains("about 1.00 bits/byte", StringComparison.Ordinal));
        view = view.With(new EvaluationRecord(1, 1, 2, 1.5, 1, 1));
        Assert.DoesNotContain(Render(view, 79, 22), line => line.Contains("about", StringComparison.Ordinal));
    }

    [Fact]
    public void A_dense_model_has_no_experts_to_show()
    {
        string all = string.Join('\n', Render(Views.Half(layers: 0), 79, 22));
        Assert.DoesNotContain("experts", all, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_from_outside_cannot_break_the_layout()
    {
        const string hostile = "\e[2J\a\u202Eruns/مزيج\r\n\t日本語 👩‍👩‍👧 [red]x[/] \u0085e\u0301";
        RunView view = Views.Half();
        view = (view with { Facts = view.Facts with { Name = hostile, Cost = view.Facts.Cost with { Currency = "\e]0;x\a" } } })
            .With(new TrainingEvent(101, TrainingEventKind.WideSpike, hostile));
        foreach (Glyphs glyphs in (Glyphs[])[Glyphs.Full, Glyphs.Ascii])
        {
            string[] lines = Render(view, 79, 22, glyphs);
            Assert.Equal(Render(Views.Half().With(view.Events[^1] with { Message = "" }), 79, 22, glyphs).Length, lines.Length);
            Assert.All(lines, line => Assert.DoesNotContain(line, char.IsControl));
            Assert.All(lines, line => Assert.InRange(line.GetCellWidth(), 0, 79));
            Assert.Contains(lines, line => line.Contains("[red]x[/]", StringComparison.Ordinal));
        }
    }

    internal static string[] Render(RunView view, int width, int height, Glyphs? glyphs = null)
    {
        using TestConsole console = new();
        console.Profile.Width = width;
        console.Write(new Dashboard(view, Views.Moment, height, glyphs ?? Glyphs.Full));
        return console.Output.TrimEnd('\n').Split('\n');
    }
}
