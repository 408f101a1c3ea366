using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Mazij.Cli.LiveView;
using Mazij.Training;
using Spectre.Console;

namespace Mazij.Cli.Tests.LiveView;

/// <summary>What the documentation shows of the live view; run by name with <c>-explicit only</c>.</summary>
public sealed partial class LiveViewRecordings
{
    /// <summary>Trains the quickstart for two minutes and keeps its screen at three quarters as docs/pictures/live-view.svg.</summary>
    [Fact(Explicit = true)]
    public void Picture()
    {
        using TemporaryFolder folder = new();
        using TerminalRun run = new(
            100, 30, (100, 30), folder["pid"],
            "--out runs/quickstart --set training.stop.minutes=2 --set training.evaluate_every=25 --set training.evaluate_tokens=16384 " +
            "--set training.checkpoint_every=60 --set training.sample_prompts=[] --set cost.price_per_hour=0.19");
        Assert.True(run.ReadUntil(screen => run.IsBetweenFrames && screen.Screen.Any(line => Percent().Match(line) is { Success: true } done
            && double.Parse(done.Groups[1].ValueSpan, CultureInfo.InvariantCulture) > 75)));
        string picture = Path.Combine(Fixtures.Root, "docs", "pictures", "live-view.svg");
        Directory.CreateDirectory(Path.GetDirectoryName(picture)!);
        File.WriteAllText(picture, TerminalPicture.ToSvg(run.Screen));
        run.Type("\u0003");
        run.ReadToEnd();
    }

    /// <summary>What a step pays for the view on the trainer's thread, and what a frame costs the view's thread.</summary>
    [Fact(Explicit = true)]
    public void Cost()
    {
        foreach ((int layers, int experts) in (ReadOnlySpan<(int, int)>)[(4, 8), (28, 64), (88, 256)])
        {
            StepRecord record = Views.Step(1, 2.5, layers, experts);
            RunView view = Views.Start();
            FrameRenderer renderer = new(new TerminalTraits(ColorSystemSupport.EightBit, Unicode: true));
            double step = Median(index =>
            {
                view = view.With(record with { Step = index, Loss = 2 + (1.0 / (index + 1)) }, new TrainingProgress { Step = index, Seconds = index });
            }, 5000);
            double frame = Median(_ => renderer.Lines(new Dashboard(view, Moment.Now(0), 22, renderer.Glyphs), 79), 300);
            TestContext.Current.TestOutputHelper!.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{layers} layers of {experts} experts: {step * 1e6:F1} microseconds a step, {frame * 1e3:F2} ms a frame"));
        }
    }

    private static double Median(Action<int> action, int times)
    {
        double[] seconds = new double[times];
        for (int index = 0; index < times; index++)
        {
            long start = Stopwatch.GetTimestamp();
            action(index);
            seconds[index] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        Array.Sort(seconds);
        return seconds[times / 2];
    }

    [GeneratedRegex(@"─+ +(\d+\.\d) %$")]
    private static partial Regex Percent();
}
