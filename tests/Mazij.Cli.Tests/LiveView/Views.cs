using Mazij.Cli.LiveView;
using Mazij.Configuration;
using Mazij.Models;
using Mazij.Training;
using Mazij.Training.Reports;

namespace Mazij.Cli.Tests.LiveView;

/// <summary>Runs to show.</summary>
internal static class Views
{
    /// <summary>The moment at which they are shown.</summary>
    public static Moment Moment { get; } = new(1, 3L << 29, 7L << 28, 16L << 30);

    /// <summary>A run before its first step.</summary>
    public static RunView Start(string name = "runs/first", double? price = 2) => new()
    {
        Facts = new Mazij.Cli.LiveView.RunFacts
        {
            Name = name,
            Model = "12.1 M parameters, 7.4 M active",
            Stop = new StopConfig { Steps = 200 },
            Cost = new CostConfig { PricePerHour = price },
            GzipBitsPerByte = 1.235,
            BytesPerToken = 4.5,
        },
    };

    /// <summary>A run of 200 steps after 100 of them, 10 s each, with evaluations, an event and a checkpoint.</summary>
    public static RunView Half(int layers = 4, int experts = 8)
    {
        RunView view = Start();
        for (int step = 1; step <= 100; step++)
        {
            view = view.With(Step(step, 9 - (6.0 * step / 100), layers, experts), new TrainingProgress { Step = step, Tokens = 4096L * step, Seconds = 10 * step, SkippedSteps = step > 70 ? 1 : 0 });
            if (step == 50)
                view = view.With(new EvaluationRecord(50, 4096 * 50, 6.25, 1.9, 1000, 1));
            if (step == 60)
                view = view.WithCheckpoint(60, 601);
            if (step == 70)
                view = view.With(new TrainingEvent(70, TrainingEventKind.NotFinite, "the loss is NaN; the update was skipped"));
        }
        return view;
    }

    /// <summary>That run with several sources, in the long-context phase of a batch that still grows.</summary>
    public static RunView Mixed(int sources = 3)
    {
        RunView view = Half();
        string[] names = [.. Enumerable.Range(0, sources).Select(source => $"source-{source}")];
        view = view with
        {
            Facts = view.Facts with
            {
                Sources =
                [
                    .. names.Select(name => new SourceFacts(
                        name, 1.0 / sources, 0.5, "text", "shards", 0, new SplitFacts(10, 4000, 1), new SplitFacts(1, 1, 1), 1, 1)),
                ],
            },
        };
        StepRecord step = Step(101, 3) with
        {
            Sequences = 4,
            SequenceLength = 2048,
            SourceTokens = [.. names.Select(name => new SourceTokens(name, 1000))],
            Phase = new RecipePhase([.. names.Select((name, i) => new SourceShare(name, (i + 1) / (0.5 * sources * (sources + 1))))], 16, IsLong: true),
        };
        return view.With(step, view.Progress with { Step = 101 }).With(new EvaluationRecord(101, 1, 3, 1.5, 1, 1)
        {
            Sources = [.. names.Select((name, i) => new SourceEvaluation(name, 3 + i, 1.5))],
        });
    }

    /// <summary>A step of that run. The last expert of the last layer gets no token.</summary>
    public static StepRecord Step(long step, double loss, int layers = 4, int experts = 8)
    {
        RouterStatistics[] routers =
        [
            .. Enumerable.Range(0, layers).Select(layer => new RouterStatistics(
                [.. Enumerable.Range(0, experts).Select(expert => layer == layers - 1 && expert == experts - 1 ? 0L : 100 + (10 * expert))], 1, 1, 1)),
        ];
        ExpertLoad? load = ExpertLoad.Of(routers);
        return new StepRecord
        {
            Step = step,
            Tokens = 4096 * step,
            Loss = loss,
            LearningRate = 3e-3,
            GradNorm = 0.61,
            TokensPerSecond = 9411,
            FlopsPerSecond = 3.11e11,
            Mfu = 0.74,
            ExpertLoadMaxOverMean = load?.MaxOverMean,
            DeadExperts = load?.Dead,
            RouterEntropy = layers == 0 ? null : 0.93,
            Routers = routers,
            Seconds = 10 * step,
            Fraction = step / 200.0,
        };
    }
}
