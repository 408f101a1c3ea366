using System.Text.Json;

namespace Mazij.Cli.Tests.LiveView;

/// <summary>Real processes on a real pseudo-terminal.</summary>
public sealed class TerminalRunTests(TinyRun tiny) : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public void A_run_ends_with_its_state_on_the_screen_and_the_closing_lines_below()
    {
        using TerminalRun run = Start(80, 24, "--set training.stop.steps=30 --set training.evaluate_every=10 --set cost.price_per_hour=3");
        Assert.Equal(0, run.ReadToEnd());
        string[] screen = run.Screen.Screen;
        Assert.Contains(screen, line => line.StartsWith("step 30 of 30", StringComparison.Ordinal) && line.Contains("done", StringComparison.Ordinal));
        Assert.Contains(screen, line => line.EndsWith("100.0 %", StringComparison.Ordinal));
        Assert.Contains(screen, line => line.Contains("experts   max/mean", StringComparison.Ordinal));
        Assert.Contains(screen, line => line.Contains("checkpoint    step 30", StringComparison.Ordinal));
        int end = Array.FindIndex(screen, line => line.StartsWith("done        30 steps", StringComparison.Ordinal));
        Assert.True(end > 0, string.Join('\n', screen));
        Assert.StartsWith("cost        ", screen[end + 1], StringComparison.Ordinal);
        Assert.StartsWith("try         mazij generate", screen[end + 2], StringComparison.Ordinal);
        Assert.True(run.Screen.IsPlain);
        Assert.Equal(0, run.Screen.Cursor.Column);
        // The lines about what happened are above, each once, and no step's line is.
        string[] all = run.Screen.Everything;
        Assert.Equal(3, all.Count(line => line.StartsWith("validation  step", StringComparison.Ordinal)));
        Assert.DoesNotContain(all, line => line.StartsWith("step     1", StringComparison.Ordinal));
        Assert.Single(all, line => line.Contains(" of 30", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(0, 0, "")]
    [InlineData(80, 24, "--plain")]
    public void Where_there_is_no_room_or_on_request_there_are_plain_lines(int columns, int rows, string option)
    {
        using TerminalRun run = Start(columns, rows, $"{option} --set training.stop.steps=3");
        Assert.Equal(0, run.ReadToEnd());
        Assert.Equal(3, run.Screen.Everything.Count(line => line.StartsWith("step     ", StringComparison.Ordinal)));
        Assert.DoesNotContain("\e[?2026h", run.Written.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void NO_COLOR_and_a_locale_without_UTF8_are_respected_on_a_small_terminal()
    {
        using TerminalRun run = Start(60, 16, "--set training.stop.steps=3", ("NO_COLOR", "1"), ("LANG", "C"));
        Assert.Equal(0, run.ReadToEnd());
        Assert.Contains(run.Screen.Screen, line => line.StartsWith("step 3 of 3", StringComparison.Ordinal) && line.Contains("done", StringComparison.Ordinal));
        Assert.Contains(run.Screen.Screen, line => line.StartsWith("done        3 steps", StringComparison.Ordinal));
        string all = run.Written.ToString();
        Assert.Contains("\e[?2026h", all, StringComparison.Ordinal);
        Assert.DoesNotMatch(@"\e\[[0-9;]*(3[0-9]|9[0-7])[0-9;]*m", all);
        Assert.True(System.Text.Ascii.IsValid(all));
    }

    [Fact]
    public void Ctrl_C_says_what_happens_saves_and_leaves_the_terminal_in_order()
    {
        using TerminalRun run = Start(80, 24, "--set training.stop.steps=1000000");
        Assert.True(run.ReadUntil(static screen => screen.Screen.Any(line => line.StartsWith("tokens/s      ", StringComparison.Ordinal) && line.Contains("GFLOP", StringComparison.Ordinal))));
        run.Type("\u0003");
        Assert.Equal(130, run.ReadToEnd());
        string[] all = run.Screen.Everything;
        Assert.Contains(all, line => line.Contains("mazij: stopping after this step and saving", StringComparison.Ordinal));
        Assert.Contains(run.Screen.Screen, line => line.Contains("interrupted", StringComparison.Ordinal));
        Assert.Contains(run.Screen.Screen, line => line.StartsWith("continue    mazij train --resume", StringComparison.Ordinal));
        Assert.True(run.Screen.IsPlain);
        AssertSaved();

        // Resumed, the view shows the time before.
        using TerminalRun resumed = Run(80, 24, $"--resume '{folder["run"]}' --set training.stop.steps={LastStep() + 1}");
        Assert.Equal(0, resumed.ReadToEnd());
        Assert.Contains(resumed.Screen.Screen, static line => line.TrimStart().StartsWith("step 1 ", StringComparison.Ordinal));
    }

    [Fact]
    public void A_terminal_that_vanishes_costs_nothing_of_the_run()
    {
        using TerminalRun run = Start(80, 24, "--set training.stop.steps=600");
        Assert.True(run.ReadUntil(static screen => screen.Screen.Any(line => line.StartsWith("tokens/s      ", StringComparison.Ordinal) && line.Contains("GFLOP", StringComparison.Ordinal))));
        using System.Diagnostics.Process training = System.Diagnostics.Process.GetProcessById(run.Id);
        Assert.False(training.HasExited, "the run was over before its terminal vanished");
        run.Vanish();
        Assert.True(training.WaitForExit(60_000), "the run did not end");
        AssertSaved();
    }

    public void Dispose() => folder.Dispose();

    private TerminalRun Start(int columns, int rows, string options, params (string Name, string Value)[] environment) =>
        Run(columns, rows, $"'{tiny.RunFile}' --out '{folder["run"]}' {options}", environment);

    private TerminalRun Run(int columns, int rows, string arguments, params (string Name, string Value)[] environment)
    {
        Assert.SkipUnless(TerminalRun.IsPossible, "needs script(1) of util-linux");
        (int, int) screen = columns == 0 ? (80, 24) : (columns, rows);
        return new TerminalRun(columns, rows, screen, folder["pid"], arguments, environment);
    }

    /// <summary>The last step that was computed is in the last checkpoint.</summary>
    private void AssertSaved() => Assert.True(
        Directory.Exists(Path.Combine(folder["run"], "checkpoints", $"step-{LastStep():D8}")), $"no checkpoint of step {LastStep()}");

    private long LastStep()
    {
        // The last lines may be an evaluation, or an event.
        using JsonDocument line = JsonDocument.Parse(File.ReadLines(Path.Combine(folder["run"], "metrics.jsonl"))
            .Last(line => line.Contains("grad_norm", StringComparison.Ordinal)));
        return line.RootElement.GetProperty("step").GetInt64();
    }
}
