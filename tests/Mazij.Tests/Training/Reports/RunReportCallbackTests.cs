using System.Text;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Formats;
using Mazij.Tests.Data;
using Mazij.Training;
using Mazij.Training.Reports;
using TorchSharp;

namespace Mazij.Tests.Training.Reports;

public sealed class RunReportCallbackTests : IDisposable
{
    private const int Steps = 10;

    private readonly TemporaryFolder folder = new();
    private readonly PreparedData data;
    private readonly RunFolder run;
    private readonly int main = Environment.CurrentManagedThreadId;

    public RunReportCallbackTests()
    {
        StringBuilder text = new();
        for (int i = 0; i < 200; i++)
            text.Append("document ").Append(i).Append(" of the text\n\n");
        data = PreparedData.Make(
            new DataConfig { Corpus = [folder.Write("corpus.txt", text.ToString())], ValidationFraction = 0 },
            new TokenizerConfig { VocabSize = 270 }, folder["cache"], threads: 1, _ => { }, TestContext.Current.CancellationToken);
        run = RunFolder.At(folder["run"]);
        Directory.CreateDirectory(run.Path);
    }

    public void Dispose()
    {
        FailPoint.Arm(null);
        data.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Training_does_not_wait_for_a_report_that_is_being_written()
    {
        using ManualResetEventSlim released = new(false);
        bool heldUp = false;
        FailPoint.Arm(_ =>
        {
            if (Environment.CurrentManagedThreadId == main)
                return;
            heldUp = true;
            released.Wait(TestContext.Current.CancellationToken);
        });
        Saving saving = new() { BehindLastStep = released.Set };
        Train(saving);
        Assert.True(heldUp);
        Assert.Empty(saving.Notes);
        string report = File.ReadAllText(run.ReportFile);
        Assert.Contains("**Complete**: 10 steps", report, StringComparison.Ordinal);
        Assert.Equal(RunStatus.Complete, RunFacts.Read(run.FactsFile).Status);
        Assert.True(new FileInfo(run.LossPicture).Length > 1000);
    }

    [Fact]
    public void A_report_that_fails_in_whatever_way_is_mentioned_once_and_the_run_goes_on()
    {
        FailPoint.Arm(_ =>
        {
            if (Environment.CurrentManagedThreadId != main)
                throw new InvalidOperationException("the native library\nis in a bad mood");
        });
        Saving saving = new();
        Train(saving);
        Assert.Equal("the run's report cannot be written: the native library\\u000ais in a bad mood", Assert.Single(saving.Notes));
        Assert.Contains("**Complete**: 10 steps", File.ReadAllText(run.ReportFile), StringComparison.Ordinal);
    }

    [Fact]
    public void A_report_is_of_the_moment_at_which_it_was_begun()
    {
        RunHistory history = new();
        new FakeRun(3, [new Recorder(history)], load: _ => [[1, 1]]).Run();
        using ManualResetEventSlim released = new(false);
        FailPoint.Arm(_ => released.Wait(TestContext.Current.CancellationToken));
        ReportWriter writer = new(run, new RunConfig(), data);
        writer.Start(Facts(), history);
        File.WriteAllText(run.ExpertLoadFile, """
            {"step":3,"steps":3,"load":[[1,1]]}
            {"step":4,"steps":1,"load":[[9,0]]}
            """);
        new FakeRun(9, [new Recorder(history)], load: _ => [[2, 0]], start: new TrainingProgress { Step = 3, Tokens = 3 * FakeRun.TokensPerStep }).Run();
        released.Set();
        writer.Wait();
        Assert.Null(writer.Problem);
        string report = File.ReadAllText(run.ReportFile);
        Assert.Contains("**Running** when this was written: 3 steps, 24 tokens", report, StringComparison.Ordinal);
        Assert.Contains("By layer, over steps 1 to 3", report, StringComparison.Ordinal);
    }

    private void Train(Saving saving)
    {
        using RunReportCallback report = new(run, new RunConfig(), Facts(), data, new RunHistory());
        new FakeRun(Steps, [saving, report]).Run();
    }

    private RunFacts Facts()
    {
        TrainingConfig config = new() { SequenceLength = 8, MicroBatchSize = 1, GlobalBatchSize = 1 };
        SampledBatches batches = new(data.Sources, new DataConfig(), config);
        return RunFacts.Of(
            TestRun.Ling1, config.SequenceLength, data, batches.Sources, [1],
            new ComputeTarget("cpu", torch.CPU, torch.ScalarType.Float32, PeakFlopsPerSecond: null));
    }

    /// <summary>Says behind each step that it was saved.</summary>
    private sealed class Saving : TrainingCallback
    {
        public List<string> Notes { get; } = [];

        public Action? BehindLastStep { get; init; }

        public override void StepDone(Trainer trainer, StepRecord record)
        {
            trainer.Saved($"step-{record.Step:D8}");
            if (record.Step == Steps)
                BehindLastStep?.Invoke();
        }

        public override void Noted(Trainer trainer, string message) => Notes.Add(message);
    }

    private sealed class Recorder(RunHistory history) : TrainingCallback
    {
        public override void StepDone(Trainer trainer, StepRecord record) => history.Add(record);
    }
}
