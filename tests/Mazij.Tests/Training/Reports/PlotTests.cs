using Mazij.Tests.Data;
using Mazij.Training;
using Mazij.Training.Reports;
using SkiaSharp;

namespace Mazij.Tests.Training.Reports;

public sealed class PlotTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_picture_of_the_loss_is_the_same_every_time_and_shows_what_differs()
    {
        byte[] Draw(string title, double validation, bool withEvent)
        {
            RunHistory history = History(500);
            history.Add(new EvaluationRecord(500, 4000, validation, 1, 10, 1));
            if (withEvent)
                history.Add(new TrainingEvent(250, TrainingEventKind.WideSpike, "a spike"));
            Assert.True(LossPlot.Write(history, title, folder["loss.png"]));
            return Pixels(folder["loss.png"], 1000, 560);
        }
        byte[] first = Draw("a run", 2, withEvent: false);
        Assert.Equal(first, Draw("a run", 2, withEvent: false));
        // Text is drawn, so another title is another picture.
        Assert.NotEqual(first, Draw("another", 2, withEvent: false));
        Assert.NotEqual(first, Draw("a run", 3, withEvent: false));
        Assert.NotEqual(first, Draw("a run", 2, withEvent: true));
    }

    [Fact]
    public void Letters_come_from_the_library_not_from_the_system()
    {
        using ScottPlot.Plot plot = PlotStyle.NewPlot();
        Assert.Equal("DejaVu Sans", ScottPlot.Fonts.GetTypeface(ScottPlot.Fonts.Default, bold: false, italic: false).FamilyName);
        Assert.Equal(0, ScottPlot.Fonts.GetTypeface(ScottPlot.Fonts.Default, bold: true, italic: false).GetGlyphs("Loss, größe – 1.0e−3").Count(glyph => glyph == 0));
    }

    [Fact]
    public void Without_a_loss_there_is_no_picture()
    {
        Assert.False(LossPlot.Write(new RunHistory(), "nothing", folder["loss.png"]));
        Assert.False(File.Exists(folder["loss.png"]));
    }

    [Fact]
    public void The_fullest_expert_is_the_brightest_cell()
    {
        // Sixteen experts; at the end the third of layer 1 has everything.
        long[] one = new long[16];
        one[2] = 16;
        new FakeRun(40, [new ExpertLoadFile(folder["load.jsonl"])], load: _ => [[.. Enumerable.Repeat(1L, 16)], one]).RunAndClose();
        ExpertLoadPlot.Write(ExpertLoadHistory.Load(folder["load.jsonl"])!, "a run", folder["load.png"]);
        using SKBitmap picture = SKBitmap.Decode(folder["load.png"]);
        Assert.Equal(1000, picture.Width);
        // The lower half shows experts from left to right, layer 0 above layer 1.
        List<SKPointI> bright = [];
        for (int y = picture.Height / 2; y < picture.Height; y++)
        {
            for (int x = 0; x < 890; x++)
            {
                SKColor color = picture.GetPixel(x, y);
                if (color.Red > 230 && color.Green > 210 && color.Blue < 80)
                    bright.Add(new SKPointI(x, y));
            }
        }
        Assert.InRange(bright.Count, 500, 10_000);
        Assert.InRange(bright.Average(point => point.X), 130, 210);
        Assert.InRange(bright.Average(point => point.Y), 0.72 * picture.Height, 0.9 * picture.Height);
    }

    [Fact]
    public void Spikes_that_were_met_are_marked_in_a_comparison()
    {
        byte[] Draw(TrainingEventKind kind)
        {
            RunHistory history = History(100);
            history.Add(new TrainingEvent(50, kind, "something"));
            ComparisonPlot.Write([("one", history), ("other", History(200))], folder["compare.png"]);
            return Pixels(folder["compare.png"], 1000, 600);
        }
        byte[] without = Draw(TrainingEventKind.CheckpointFailed);
        Assert.NotEqual(without, Draw(TrainingEventKind.NarrowSpike));
        Assert.Equal(without, Draw(TrainingEventKind.RecipeChanged));
    }

    [Fact]
    public void Runs_are_compared_in_one_picture_even_if_one_has_no_step()
    {
        ComparisonPlot.Write([("first", History(100)), ("empty", new RunHistory()), ("second", History(2000))], folder["compare.png"]);
        byte[] both = Pixels(folder["compare.png"], 1000, 600);
        ComparisonPlot.Write([("first", History(100))], folder["compare.png"]);
        Assert.NotEqual(both, Pixels(folder["compare.png"], 1000, 600));
        ComparisonPlot.Write([("empty", new RunHistory())], folder["compare.png"]);
        Pixels(folder["compare.png"], 1000, 600);
    }

    private static byte[] Pixels(string path, int width, int height)
    {
        using SKBitmap picture = SKBitmap.Decode(path);
        Assert.Equal((width, height), (picture.Width, picture.Height));
        return picture.Bytes;
    }

    private static RunHistory History(int steps)
    {
        RunHistory history = new();
        for (int step = 1; step <= steps; step++)
        {
            history.Add(new StepRecord
            {
                Step = step,
                Tokens = 8L * step,
                Loss = 2 + 5.0 / step,
                LearningRate = 1e-3,
                GradNorm = 1,
                TokensPerSecond = 100,
                FlopsPerSecond = 1e9,
                Seconds = step,
                Fraction = 0,
            });
        }
        return history;
    }
}
