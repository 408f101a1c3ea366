using Mazij.Configuration;
using Mazij.Data;
using Mazij.Models;
using Mazij.Training;
using Mazij.Training.Spikes;

namespace Mazij.Tests.Training;

/// <summary>A trainer whose steps compute nothing: their losses and loads are given.</summary>
internal sealed class FakeRun : ITrainingStep
{
    public const int TokensPerStep = 8;
    private readonly Func<long, double> loss;
    private readonly Func<long, long[][]> load;
    private readonly List<TrainingCallback> callbacks;

    public FakeRun(
        long steps, IEnumerable<TrainingCallback> callbacks, Func<long, double>? loss = null, Func<long, long[][]>? load = null,
        TrainingProgress? start = null)
    {
        this.loss = loss ?? (step => 10.0 / step);
        this.load = load ?? (_ => []);
        this.callbacks = [.. callbacks];
        TrainingConfig config = new()
        {
            SequenceLength = 4,
            MicroBatchSize = 2,
            GlobalBatchSize = 2,
            Stop = new StopConfig { Steps = steps },
        };
        Trainer = new Trainer(config, this, new WindowSource(1, 10, 4, 2, 2), new SpikeGuard(config.SpikeGuard with { Enabled = false }, 0), this.callbacks, start ?? new(), flopsPerToken: _ => 100, peakFlopsPerSecond: 1e12);
    }

    public Trainer Trainer { get; }

    /// <summary>Runs the steps that are left.</summary>
    public void Run() => Assert.True(Trainer.Run(TestContext.Current.CancellationToken));

    /// <summary>Runs the steps that are left, after which the callbacks' files are closed.</summary>
    public void RunAndClose()
    {
        try
        {
            Run();
        }
        finally
        {
            foreach (TrainingCallback callback in callbacks)
                (callback as IDisposable)?.Dispose();
        }
    }

    public IReadOnlyList<double> SequenceLosses(IReadOnlyList<TokenBatch<long>> microBatches) => [1, 2];

    public StepOutcome Run(in StepRequest request)
    {
        long step = request.Step + 1;
        double value = loss(step);
        return new StepOutcome(
            value, PredictionLoss: 0, GradientNorm: 1, request.Judge.Judge(request.Step, value, 1),
            [.. load(step).Select(counts => new RouterStatistics(counts, BalanceLoss: 1, ZLoss: 0, Entropy: 1))]);
    }
}
