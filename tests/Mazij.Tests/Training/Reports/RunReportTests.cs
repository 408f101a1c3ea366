using Mazij.Configuration;
using Mazij.Data;
using Mazij.Tests.Data;
using Mazij.Training;
using Mazij.Training.Reports;

namespace Mazij.Tests.Training.Reports;

public sealed class RunReportTests
{
    [Fact]
    public void The_report_tells_what_was_trained_how_well_how_fast_and_for_how_much()
    {
        string text = Report(RunStatus.Complete, new XzBaseline(1.5, null)).ToMarkdown();
        string[] expected =
        [
            "# night_run\n",
            "**Complete**: 3 steps, 3.00 K tokens, 1 h 00 min of training.",
            "| model | bailing_moe: 4 layers, hidden 256, 8 experts, 2 per token, 1 shared |",
            "12.0 M, of which a token passes 7.00 M",
            "| training split | 90 documents, 30.0 K tokens, 117 KiB of text |",
            "| passes over the data | 0.10 |",
            "seed 77",
            "![Loss and learning rate over the steps](loss.png)",
            "| training, first step | 9.0000 | |",
            "| validation, best (step 2) | 5.0000 | 1.250 |",
            "| validation, last (step 3) | 6.0000 | 1.750 |",
            "| this model | 1.750 |",
            "| `gzip -9` | 2.000 |",
            "| `xz -9` | 1.500 |",
            // The first step counts in the time, not in the speed.
            "| tokens a second, all steps but the first | 1 |",
            "| MFU, median: share of the measured matrix product rate | 50.0 % |",
            "| time in evaluations | 6 min 00 s, 10.0 % |",
            "| cost | 2.5 EUR |",
            "| cost of a million tokens | 833 EUR |",
            "1 narrow spike, 2 recipe changed.",
            "| 2 | the loss rose \\| a lot | web.jsonl\\#5 |",
            "````text\nIt is ```fenced```\n````",
        ];
        foreach (string line in expected)
            Assert.Contains(line, text, StringComparison.Ordinal);
        Assert.True(text.IndexOf("After step 1:", StringComparison.Ordinal) < text.IndexOf("After step 3:", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(RunStatus.Interrupted, "**Interrupted**")]
    [InlineData(RunStatus.Failed, "**Failed**: the disk is full")]
    [InlineData(RunStatus.Running, "**Running** when this was written")]
    internal void A_run_that_is_not_complete_says_so(RunStatus status, string expected)
    {
        string text = Report(status, new XzBaseline(null, "xz is not installed")).ToMarkdown();
        Assert.Contains(expected, text, StringComparison.Ordinal);
        Assert.Contains("| cost so far | 2.5 EUR |", text, StringComparison.Ordinal);
        Assert.Contains("| `xz -9` | not measured: xz is not installed |", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_without_a_step_has_a_report_too()
    {
        RunReport report = Report(RunStatus.Failed, new XzBaseline(null, "there is no validation text")) with { History = new RunHistory(), Samples = [] };
        string text = report.ToMarkdown();
        Assert.Contains("0 steps, 0 tokens, 0.0 s of training", text, StringComparison.Ordinal);
        Assert.Contains("| this model | not evaluated yet |", text, StringComparison.Ordinal);
        Assert.DoesNotContain("loss.png", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_and_entropy_of_the_experts_are_told()
    {
        using TemporaryFolder folder = new();
        RunHistory history = new();
        foreach ((int step, double load, double? entropy) in (ReadOnlySpan<(int, double, double?)>)[(1, 1.9, 0.97), (2, 1.5, 0.6)])
        {
            history.Add(new StepRecord
            {
                Step = step,
                Tokens = 1000 * step,
                Loss = 5,
                LearningRate = 1e-3,
                GradNorm = 1,
                TokensPerSecond = 1,
                FlopsPerSecond = 1,
                ExpertLoadMaxOverMean = load,
                RouterEntropy = entropy,
                Seconds = step,
                Fraction = 1,
            });
        }
        RunReport report = Report(RunStatus.Complete, new XzBaseline(1, null)) with
        {
            History = history,
            Experts = ExpertLoadHistory.Load(folder.Write("expert-load.jsonl", """{"step":2,"steps":2,"load":[[3,1,0,0]]}""" + "\n")),
        };
        string text = report.ToMarkdown();
        Assert.Contains("1.90 at the first step, 1.50 at the end. Entropy of the routers' probabilities", text, StringComparison.Ordinal);
        Assert.Contains("prefer no expert: 0.97 at first, 0.60 at the end. By layer, over steps 1 to 2:", text, StringComparison.Ordinal);
        Assert.Contains("| 0 | 3.00 | 0.00 | 2 |", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_pictures_are_explained() => Assert.Contains(
        "There are no pictures: they could not be drawn.",
        (Report(RunStatus.Complete, new XzBaseline(1, null)) with { PictureProblem = "they could not be drawn" }).ToMarkdown(),
        StringComparison.Ordinal);

    [Fact]
    public void What_was_predicted_stands_beside_what_was_measured()
    {
        RunReport without = Report(RunStatus.Complete, new XzBaseline(1, null));
        Assert.DoesNotContain("## Predicted and measured", without.ToMarkdown(), StringComparison.Ordinal);
        RunReport with = without with
        {
            Facts = without.Facts with
            {
                Prediction = new RunPrediction("a made-up machine", 1, 2, 0.25, 3, 6000, 1800, 90, 5, 1, 3L << 29, 1.25),
                PeakMemoryBytes = 1L << 30,
            },
        };
        string text = with.ToMarkdown();
        Assert.Contains("| tokens a second, median | 2 | 1 | 2.00 |", text, StringComparison.Ordinal);
        Assert.Contains("| MFU, median | 25.0 % | 50.0 % | 0.50 |", text, StringComparison.Ordinal);
        Assert.Contains("| peak memory | 1.50 GiB | 1.00 GiB | 1.50 |", text, StringComparison.Ordinal);
        Assert.Contains("| tokens | 6.00 K | 3.00 K | 2.00 |", text, StringComparison.Ordinal);
        Assert.Contains("| time of the run | 30 min 00 s | 1 h 00 min | 0.50 |", text, StringComparison.Ordinal);
        Assert.Contains("| of which evaluations | 1 min 30 s | 6 min 00 s | 0.25 |", text, StringComparison.Ordinal);
        Assert.Contains("| cost | 1.25 EUR | 2.5 EUR | 0.50 |", text, StringComparison.Ordinal);
        Assert.Contains("from a made-up machine", text, StringComparison.Ordinal);
        // Of a run that goes on, only what does not depend on its end is compared.
        string running = (with with { Facts = with.Facts with { Status = RunStatus.Running } }).ToMarkdown();
        Assert.Contains("| tokens a second, median | 2 | 1 | 2.00 |", running, StringComparison.Ordinal);
        Assert.Contains("| time of the run | 30 min 00 s |  |  |", running, StringComparison.Ordinal);
    }

    private static RunReport Report(RunStatus status, XzBaseline xz)
    {
        RunHistory history = new();
        for (int step = 1; step <= 3; step++)
        {
            history.Add(new StepRecord
            {
                Step = step,
                Tokens = 1000 * step,
                Loss = 10 - step,
                LearningRate = 1e-3,
                GradNorm = 1,
                TokensPerSecond = step == 1 ? 100 : 1,
                FlopsPerSecond = 1,
                Mfu = step == 1 ? 0.9 : 0.5,
                Seconds = 1000 * step,
                Fraction = step / 3.0,
            });
        }
        history.Add(new EvaluationRecord(2, 2000, 5, 1.25, 10, 180));
        history.Add(new EvaluationRecord(3, 3000, 6, 1.75, 10, 180));
        history.Add(new TrainingEvent(2, TrainingEventKind.NarrowSpike, "the loss rose | a lot", [new DocumentReference("web.jsonl", 5, 0, 1, 1)]));
        history.Add(new TrainingEvent(2, TrainingEventKind.RecipeChanged, "a new mixture"));
        history.Add(new TrainingEvent(3, TrainingEventKind.RecipeChanged, "another"));
        history.Elapsed(3600);
        RunFacts facts = new()
        {
            Status = status,
            Reason = "the disk is full",
            Started = new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc),
            Updated = new DateTime(2026, 1, 2, 4, 4, 5, DateTimeKind.Utc),
            Sessions = 2,
            SessionFrom = 1,
            Seconds = 3600,
            Host = "here",
            ProcessId = 1,
            Machine = new MachineFacts("A CPU", "cpu", "bf16", 2, 4e11, "Linux", "1.0", "10.0", "2.10.0"),
            Model = new ModelFacts("bailing_moe", 4, 256, 8, 2, 1, 12_000_000, 7_000_000, 33e6),
            Data = new DataFacts("web.jsonl", "shards", 8192, 3, new SplitFacts(90, 30_000, 120_000), new SplitFacts(10, 3000, 12_000), 12_000, 2),
        };
        RunConfig config = new()
        {
            Training = new TrainingConfig { Seed = 77 },
            Cost = new CostConfig { PricePerHour = 2.5, Currency = "EUR" },
        };
        return new RunReport(
            "night_run", config, facts, history, Experts: null, [xz],
            [new SampleRecord(1, "It is ```fenced```", "first"), new SampleRecord(3, "It is ```fenced```", "last")], PictureProblem: null);
    }
}
