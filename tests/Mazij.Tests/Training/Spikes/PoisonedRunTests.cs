using System.Text;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Models;
using Mazij.Tests.Data;
using Mazij.Text.Corpora;
using Mazij.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Training.Spikes;

/// <summary>
/// Runs on the same text and with the same seed: clean, poisoned with the guard, poisoned without. What counts is the loss on
/// clean validation text at the end.
/// </summary>
public sealed class PoisonedRunTests : IClassFixture<PoisonedRunTests.Corpora>
{
    internal const int Steps = 400;

    private static readonly TrainingConfig settings = TestRun.Settings with
    {
        Stop = new StopConfig { Steps = Steps },
        LearningRate = 5e-3,
        GlobalBatchSize = 8,
        MicroBatchSize = 8,
        RoutingWarmupSteps = 0,
        Schedule = new ScheduleConfig { WarmupSteps = 20, HalveAt = null, AnnealFrom = 0.8, AnnealTo = 2e-3 },
    };

    private static readonly ModelConfig model = TestRun.Ling1 with { VocabSize = 264 };

    private readonly Corpora data;

    public PoisonedRunTests(Corpora data) => this.data = data;

    /// <summary>Clean and poisoned text, and what a run on the clean one comes to.</summary>
    public sealed class Corpora : IDisposable
    {
        private readonly TemporaryFolder folder = new();

        public Corpora()
        {
            using DisposeScope scope = NewDisposeScope();
            Clean = Build("clean", poisoned: false);
            Poison = Build("poison", poisoned: true);
            CleanLoss = Train(Clean, null, null, guarded: true, out _);
        }

        internal TokenDataset Clean { get; }

        internal TokenDataset Poison { get; }

        internal double CleanLoss { get; }

        public void Dispose()
        {
            Clean.Dispose();
            Poison.Dispose();
            folder.Dispose();
        }

        /// <summary>
        /// Letters drawn at random, each followed by its capital: a rule that is learnt in a hundred steps, and an entropy (ln 6 for
        /// every second byte) that no training gets below. Poisoned, the capital is another letter's.
        /// </summary>
        private TokenDataset Build(string name, bool poisoned)
        {
            for (int i = 0; i < 260; i++)
            {
                StringBuilder text = new();
                for (int j = 0; j < 160; j++)
                {
                    int letter = (int)(StableHash.Of(3, i, j) % 6);
                    text.Append((char)('a' + letter)).Append((char)('A' + (poisoned ? (letter + 2) % 6 : letter)));
                }
                folder.Write($"{name}/{name}-{i:d3}.txt", text.ToString());
            }
            TestDatasets.Build(
                Corpus.Open([folder[name]]), new ByteTokenizer(), folder[name + "-data"], new DatasetOptions { ValidationFraction = 0.1 });
            return TokenDataset.Open(folder[name + "-data"]);
        }
    }

    /// <summary>Turns the gradients of some steps round, a thousand times too large: what a bad link or a bit flip does.</summary>
    internal sealed class WrongGradients(IReadOnlyCollection<int> steps, float factor) : IGroupListener
    {
        private int step = -1;

        public MoeTransformer? Model { get; set; }

        public void BeforeForward(int group) => step += group == 0 ? 1 : 0;

        public void GradientsComplete(int group)
        {
            if (group == 0 && steps.Contains(step))
                Model!.Parameters.GradientBuffer!.mul_(factor);
        }
    }

    /// <summary>Batches of which some come from other documents: a damaged part of the corpus.</summary>
    private sealed class PoisonedBatches(SampledBatches clean, SampledBatches poison, Func<long, bool> isPoisoned) : IBatchSource
    {
        private SampledBatches? last;

        public BatchSourceState State => clean.State;

        public StepBatch Next(TrainingProgress progress) =>
            (last = isPoisoned(progress.Step) ? poison : clean).Next(progress);

        public GivenBack GiveBack(long step) => last!.GiveBack(step);

        public IReadOnlyList<DocumentReference> DocumentsOfLastBatch(IReadOnlyList<int> sequences, int maximum) =>
            last!.DocumentsOfLastBatch(sequences, maximum);
    }

    [Fact]
    public void Narrow_spikes_from_poisoned_documents_do_no_harm_and_the_documents_are_named()
    {
        using DisposeScope scope = NewDisposeScope();
        static bool IsPoisoned(long step) => step is >= 150 and < 154 or >= 250 and < 254 or >= 394 and < 398;
        double guarded = Train(data.Clean, Poisoned(data.Poison, IsPoisoned), null, guarded: true, out TestRun run);
        double unguarded = Train(data.Clean, Poisoned(data.Poison, IsPoisoned), null, guarded: false, out _);
        Report("narrow spikes", guarded, unguarded, run);
        Assert.InRange(guarded, 0, 1.01 * data.CleanLoss);
        Assert.True(unguarded > 1.02 * data.CleanLoss, $"{unguarded} without the guard, {data.CleanLoss} clean");
        List<TrainingEvent> spikes = [.. run.Events.Where(happened => happened.Kind == TrainingEventKind.NarrowSpike)];
        // At this learning rate the model has a spike of its own now and then.
        foreach (int step in Enumerable.Range(0, Steps).Where(step => IsPoisoned(step)))
        {
            TrainingEvent spike = Assert.Single(spikes, spike => spike.Step - 1 == step);
            Assert.Contains(spike.Documents, document => document.Source.Contains("poison", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_wide_spike_from_poisoned_documents_does_little_harm()
    {
        using DisposeScope scope = NewDisposeScope();
        static bool IsPoisoned(long step) => step is >= 360 and < 372;
        double guarded = Train(data.Clean, Poisoned(data.Poison, IsPoisoned), null, guarded: true, out TestRun run);
        double unguarded = Train(data.Clean, Poisoned(data.Poison, IsPoisoned), null, guarded: false, out _);
        Report("a wide spike", guarded, unguarded, run);
        Assert.InRange(guarded, 0, 1.01 * data.CleanLoss);
        Assert.True(unguarded > 1.02 * data.CleanLoss, $"{unguarded} without the guard, {data.CleanLoss} clean");
        // What comes later is the model's own: whether it has another depends on the rounding of the processor's products.
        TrainingEvent wide = run.Events.First(happened => happened is { Kind: TrainingEventKind.WideSpike, Step: > 360 });
        Assert.Equal(360 + 5, wide.Step);
        Assert.Contains(run.Events, happened => happened.Kind == TrainingEventKind.LearningRateLowered && happened.Step == wide.Step);
    }

    [Fact]
    public void Gradients_that_are_turned_round_do_no_harm()
    {
        using DisposeScope scope = NewDisposeScope();
        int[] steps = [150, 151, 250, 330, 331, 340, 341, 350, 351, 360, 361, 380, 381, 382, 395, 396, 397];
        double guarded = Train(data.Clean, null, new WrongGradients(steps, -1000), guarded: true, out TestRun run);
        double unguarded = Train(data.Clean, null, new WrongGradients(steps, -1000), guarded: false, out _);
        Report("gradients turned round", guarded, unguarded, run);
        Assert.InRange(guarded, 0, 1.01 * data.CleanLoss);
        Assert.True(unguarded > 1.02 * data.CleanLoss, $"{unguarded} without the guard, {data.CleanLoss} clean");
        Assert.Subset(
            run.Events.Where(e => e.Kind == TrainingEventKind.GradientSpike).Select(e => (int)e.Step - 1).ToHashSet(), steps.ToHashSet());
    }

    [Fact]
    public void Gradients_that_are_no_numbers_do_no_harm()
    {
        using DisposeScope scope = NewDisposeScope();
        int[] steps = [10, 150, 151, 152, 390];
        double guarded = Train(data.Clean, null, new WrongGradients(steps, float.NaN), guarded: true, out TestRun run);
        Report("gradients that are no numbers", guarded, double.NaN, run);
        Assert.InRange(guarded, 0, 1.01 * data.CleanLoss);
        Assert.Equal(steps, run.Events.Where(e => e.Kind == TrainingEventKind.NotFinite).Select(e => (int)e.Step - 1));
    }

    private void Report(string what, double guarded, double unguarded, TestRun run) =>
        TestContext.Current.SendDiagnosticMessage(
            "{0}: validation loss {1:F4} clean, {2:F4} with the guard, {3:F4} without; {4} of {5} steps skipped, {6} events",
            what, data.CleanLoss, guarded, unguarded, run.Trainer.Progress.SkippedSteps, Steps, run.Events.Count);

    internal static Func<SampledBatches, TrainingConfig, IBatchSource> Poisoned(TokenDataset poison, Func<long, bool> isPoisoned) =>
        (clean, config) => new PoisonedBatches(clean, new SampledBatches([new SourceData("", "poison", poison)], new DataConfig(), config), isPoisoned);

    /// <summary>Trains, and returns the loss on the clean validation text.</summary>
    private static double Train(
        TokenDataset data, Func<SampledBatches, TrainingConfig, IBatchSource>? poison, WrongGradients? wrong, bool guarded, out TestRun run) =>
        Train(data, poison, wrong, guarded, (_, _) => { }, out run);

    /// <summary>As above; <paramref name="watch"/> is told each step and can ask for the loss on the clean validation text then.</summary>
    internal static double Train(
        TokenDataset data, Func<SampledBatches, TrainingConfig, IBatchSource>? poison, WrongGradients? wrong, bool guarded,
        Action<StepRecord, Func<double>> watch, out TestRun run)
    {
        TrainingConfig config = settings with { SpikeGuard = new SpikeGuardConfig { Enabled = guarded } };
        SampledBatches clean = new([new SourceData("", "data", data)], new DataConfig(), config);
        Func<double> evaluate = null!;
        using TestRun made = new(model, config, batches: poison?.Invoke(clean, config) ?? clean, listener: wrong)
        {
            Watch = record => watch(record, evaluate),
        };
        Evaluator evaluator = new(made.Model, [new SourceData("", "data", data)], [1], config.SequenceLength, 16, 1 << 20);
        evaluate = () => evaluator.Evaluate(0, 0).Loss;
        wrong?.Model = made.Model;
        made.Train();
        run = made;
        return evaluate();
    }
}
