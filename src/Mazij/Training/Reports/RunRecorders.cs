using Mazij.Configuration;
using Mazij.Data;
using Mazij.Training.Telemetry;
using Mazij.Training.TensorBoard;

namespace Mazij.Training.Reports;

/// <summary>The callbacks that write what remains of a run.</summary>
internal sealed class RunRecorders : IDisposable
{
    private readonly SampleFile samples;
    private readonly ExpertLoadFile expertLoad;
    private readonly TensorBoardCallback tensorBoard;
    private readonly TelemetryCallback telemetry = new();
    private readonly RunReportCallback report;

    /// <summary>Creates them; files are opened when the run starts.</summary>
    /// <param name="config">The run.</param>
    /// <param name="folder">Where it is kept.</param>
    /// <param name="facts">What is trained on what.</param>
    /// <param name="data">The data.</param>
    /// <param name="history">What earlier sessions left; kept up to date from here on.</param>
    public RunRecorders(RunConfig config, RunFolder folder, RunFacts facts, PreparedData data, RunHistory history)
    {
        Metrics = new MetricsFile(folder.MetricsFile);
        samples = new SampleFile(folder.SamplesFile);
        expertLoad = new ExpertLoadFile(folder.ExpertLoadFile);
        tensorBoard = new TensorBoardCallback(folder.Path);
        report = new RunReportCallback(folder, config, facts, data, history);
    }

    /// <summary>The lines of every step.</summary>
    public MetricsFile Metrics { get; }

    /// <summary>What writes line by line; before all other callbacks.</summary>
    public IEnumerable<TrainingCallback> Files => [Metrics, samples, expertLoad, tensorBoard, telemetry];

    /// <summary>What writes the report; behind all other callbacks.</summary>
    public TrainingCallback Report => report;

    /// <summary>Records that the run ended with an error.</summary>
    public void RunFailed(Trainer trainer, Exception error)
    {
        foreach (TrainingCallback callback in Files.Append(Report))
            callback.RunFailed(trainer, error);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        report.Dispose();
        Metrics.Dispose();
        samples.Dispose();
        expertLoad.Dispose();
        tensorBoard.Dispose();
        telemetry.Dispose();
    }
}
