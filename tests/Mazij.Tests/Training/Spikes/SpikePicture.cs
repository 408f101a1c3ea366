using Mazij.Formats;
using Mazij.Training;
using ScottPlot;
using TorchSharp;
using PlotStyle = Mazij.Training.Reports.PlotStyle;

namespace Mazij.Tests.Training.Spikes;

/// <summary>Draws docs/pictures/spikes.png: the runs of <see cref="PoisonedRunTests"/>, their loss on clean validation text over the
/// steps. Run by itself, as docs/reliability.md says.</summary>
public sealed class SpikePicture(PoisonedRunTests.Corpora data) : IClassFixture<PoisonedRunTests.Corpora>
{
    private const int EvaluateEvery = 2, FirstShown = 100, Width = 1000, RowHeight = 330;

    private sealed record Run(string Name, Color Color, List<double> Steps, List<double> Losses, List<TrainingEvent> Events);

    [Fact(Explicit = true)]
    public void Picture()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using Plot narrow = Row("poisoned documents in 3 x 4 batches", [(150, 154), (250, 254), (394, 398)], Alignment.MiddleRight);
        using Plot wide = Row("poisoned documents in 12 batches in a row", [(360, 372)], Alignment.UpperCenter);
        Multiplot picture = new();
        picture.Subplots.RemoveAt(0);
        picture.AddPlot(narrow);
        picture.AddPlot(wide);
        picture.Layout = new ScottPlot.MultiplotLayouts.Rows();
        string path = Path.GetFullPath(Path.Combine(Fixtures.Folder(""), "..", "..", "docs", "pictures", "spikes.png"));
        AtomicFile.Write(path, stream => stream.Write(picture.Render(Width, 2 * RowHeight).GetImageBytes(ImageFormat.Png)));
        TestContext.Current.SendDiagnosticMessage("wrote {0}", path);
    }

    private Plot Row(string title, (int First, int End)[] poisoned, Alignment legend)
    {
        bool IsPoisoned(long step) => poisoned.Any(range => step >= range.First && step < range.End);
        Run[] runs =
        [
            Train("without the guard", PlotStyle.Alarm, IsPoisoned, guarded: false),
            Train("with the guard", PlotStyle.Strong, IsPoisoned, guarded: true),
            Train("clean text", PlotStyle.Quiet, isPoisoned: null, guarded: true),
        ];
        Plot plot = PlotStyle.NewPlot();
        foreach ((int first, int end) in poisoned)
            plot.Add.HorizontalSpan(first, end, Colors.Orange.WithAlpha(0.25));
        double low = runs.Min(run => run.Losses.Min()), high = runs.Max(run => run.Losses.Max()), lift = 0.03 * (high - low);
        foreach (Run run in runs)
        {
            ScottPlot.Plottables.Scatter line = plot.Add.ScatterLine(run.Steps.ToArray(), run.Losses.ToArray(), run.Color);
            line.LineWidth = 1.5f;
            line.LegendText = FormattableString.Invariant($"{run.Name}: {run.Losses[^1]:F4} at the end");
        }
        double[] events = [.. runs[1].Events.Where(happened => happened.Step >= FirstShown).Select(happened => (double)happened.Step).Distinct()];
        plot.Add.Markers(events, Enumerable.Repeat(high + lift, events.Length).ToArray(), MarkerShape.FilledTriangleDown, 6, PlotStyle.Strong)
            .LegendText = "events of the guard";
        plot.Title(title, size: 13);
        plot.Axes.Bottom.Label.Text = "step";
        plot.Axes.Left.Label.Text = "validation loss, nats";
        plot.Axes.SetLimits(FirstShown, PoisonedRunTests.Steps + 2, low - lift, high + 3 * lift);
        plot.ShowLegend(legend);
        return plot;
    }

    private Run Train(string name, Color color, Func<long, bool>? isPoisoned, bool guarded)
    {
        Run run = new(name, color, [], [], []);
        PoisonedRunTests.Train(
            data.Clean, isPoisoned is null ? null : PoisonedRunTests.Poisoned(data.Poison, isPoisoned), wrong: null, guarded,
            (record, validate) =>
            {
                if (record.Step < FirstShown || record.Step % EvaluateEvery != 0)
                    return;
                run.Steps.Add(record.Step);
                run.Losses.Add(validate());
            },
            out TestRun made);
        run.Events.AddRange(made.Events);
        return run;
    }
}
