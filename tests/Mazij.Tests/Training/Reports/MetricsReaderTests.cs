using System.Text;
using CsCheck;
using Mazij.Data;
using Mazij.Tests.Data;
using Mazij.Training;
using Mazij.Training.Reports;

namespace Mazij.Tests.Training.Reports;

public sealed class MetricsReaderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void What_a_run_wrote_is_read_back()
    {
        Teller teller = new();
        RunHistory live = new();
        new FakeRun(60, [new MetricsFile(folder["metrics.jsonl"]), teller, new Listener(live)], step => step == 7 ? double.NaN : 10.0 / step).RunAndClose();
        (RunHistory read, MetricsReader reader) = Read();
        Assert.Equal(0, reader.Unreadable);
        Assert.Equal(live.Loss.Points, read.Loss.Points);
        Assert.Equal(live.LearningRate.Points, read.LearningRate.Points);
        Assert.Equal(live.GradNorm.Points, read.GradNorm.Points);
        Assert.Equal(live.RouterEntropy.Points, read.RouterEntropy.Points);
        Assert.Equal((60, 60 * FakeRun.TokensPerStep), (read.LastStep!.Step, read.LastStep.Tokens));
        // Everything of a step but its share of the run, which follows from the run file.
        Assert.Equal(live.LastStep! with { Fraction = 0 }, read.LastStep);
        Assert.Equal(1, read.SkippedSteps);
        Assert.Equal(live.RecentLoss, read.RecentLoss);
        Assert.Equal(live.StepSeconds, read.StepSeconds, 9);
        Assert.Equal(live.LastEvaluation, read.LastEvaluation);
        Assert.Equal(2.5, read.BestEvaluation!.Loss);
        Assert.Equal(live.Events.Count, read.Events.Count);
        TrainingEvent spike = Assert.Single(read.Events.First, happened => happened.Kind == TrainingEventKind.WideSpike);
        Assert.Equal(("a spike", "web.jsonl", 17), (spike.Message, spike.Documents[0].Source, spike.Documents[0].Index));
    }

    [Fact]
    public void Whatever_stands_between_the_lines_the_good_ones_are_read()
    {
        Gen<string> garbage = Gen.OneOf(
            Gen.String[0, 40], Gen.Const("{\"step\":"), Gen.Const("{\"step\":1}"), Gen.Const("null"), Gen.Const("[[[[[[[[[[[[[[[["),
            Gen.Const("{\"step\":1e99,\"tokens\":1,\"loss\":1}"), Gen.Const("{\"step\":-1,\"tokens\":1,\"loss\":1}"),
            Gen.Const("{\"step\":1,\"tokens\":1,\"event\":\"\"}"), Gen.Const("{\"step\":1,\"event\":\"3\"}"), Gen.Const("\0\0\0\0"),
            Gen.Const("{\"step\":1,\"event\":\"\\ud800\"}"), Gen.Const(new string('x', 2 << 20)))
            .Select(text => text.Replace('\n', ' ').Replace('\r', ' '));
        Gen.Select(garbage.List[1, 5], Gen.Int[0, 3]).Sample((lines, before) =>
        {
            StringBuilder text = new();
            int good = 0;
            for (int i = 0; i < lines.Count; i++)
            {
                for (int j = 0; j < before; j++)
                    text.Append(System.Globalization.CultureInfo.InvariantCulture, $"{{\"step\":{++good},\"tokens\":{good},\"loss\":2.5,\"unknown\":[1]}}\n");
                text.Append(lines[i]).Append('\n');
            }
            folder.Write("metrics.jsonl", text.ToString());
            (RunHistory history, MetricsReader reader) = Read();
            Assert.Equal(good, reader.Read);
            Assert.Equal(lines.Count, reader.Unreadable);
            Assert.Equal(good == 0 ? null : good, history.LastStep?.Step);
        }, iter: 60, threads: 1);
    }

    [Fact]
    public void A_last_line_that_is_being_written_is_no_damage()
    {
        folder.Write("metrics.jsonl", "{\"step\":1,\"tokens\":8,\"loss\":3}\n{\"step\":2,\"tok");
        (RunHistory history, MetricsReader reader) = Read();
        Assert.Equal((1, 0), (history.LastStep!.Step, reader.Unreadable));
    }

    [Fact]
    public void Lines_behind_the_step_that_a_run_goes_on_from_are_not_told()
    {
        folder.Write("metrics.jsonl", """
            {"step":1,"tokens":8,"loss":3}
            {"step":2,"tokens":16,"loss":2}
            {"step":2,"tokens":16,"validation_loss":2.5}
            {"step":3,"tokens":24,"loss":1}
            {"step":2,"tokens":16,"loss":0}

            """);
        RunHistory history = new();
        new MetricsReader().ReadInto(history, folder["metrics.jsonl"], lastStep: 2);
        Assert.Equal([3, 2], history.Loss.Points.Select(point => point.Mean));
        Assert.Equal(2.5, history.LastEvaluation!.Loss);
    }

    [Fact]
    public void Numbers_of_no_use_are_absent()
    {
        folder.Write("metrics.jsonl", "{\"step\":1,\"tokens\":8,\"loss\":null,\"tokens_per_second\":0,\"mfu\":\"high\",\"dead_experts\":1e40}\n");
        (RunHistory history, _) = Read();
        Assert.Equal(1, history.LastStep!.Step);
        Assert.True(history.Loss.IsEmpty);
        Assert.Null(history.RecentLoss);
        Assert.Null(history.LastStep.Mfu);
    }

    private (RunHistory, MetricsReader) Read()
    {
        RunHistory history = new();
        MetricsReader reader = new();
        reader.ReadInto(history, folder["metrics.jsonl"]);
        return (history, reader);
    }

    /// <summary>Reports evaluations and an event.</summary>
    private sealed class Teller : TrainingCallback
    {
        public override void StepDone(Trainer trainer, StepRecord record)
        {
            if (record.Step % 20 == 0)
                trainer.Report(new EvaluationRecord(record.Step, record.Tokens, record.Step == 40 ? 2.5 : 3, 1, 100, 0.25));
            if (record.Step == 30)
                trainer.Report(new TrainingEvent(30, TrainingEventKind.WideSpike, "a spike", [new DocumentReference("web.jsonl", 17, 0, 5, 9)]));
        }
    }

    /// <summary>Keeps a history as the run goes.</summary>
    private sealed class Listener(RunHistory history) : TrainingCallback
    {
        public override void StepDone(Trainer trainer, StepRecord record) => history.Add(record);

        public override void Evaluated(Trainer trainer, EvaluationRecord record) => history.Add(record);

        public override void Happened(Trainer trainer, TrainingEvent happened) => history.Add(happened);
    }
}
