using System.Diagnostics;
using System.Diagnostics.Metrics;
using Mazij.Training;
using Mazij.Training.Telemetry;

namespace Mazij.Tests.Training.Telemetry;

/// <summary>Listeners are of the whole process, so these run alone.</summary>
[Collection(nameof(QuietTests))]
public sealed class TelemetryCallbackTests
{
    [Fact]
    public void A_run_feeds_every_instrument_and_nests_its_spans()
    {
        Dictionary<string, double> last = [], sums = [];
        List<Activity> spans = [];
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == TrainingMeter.Name)
                self.EnableMeasurementEvents(instrument);
        };
        void Record(string name, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            string key = name + string.Concat(tags.ToArray().Select(tag => $" {tag.Key}={tag.Value}"));
            last[key] = value;
            sums[key] = sums.GetValueOrDefault(key) + value;
        }
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Record(instrument.Name, value, tags));
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Record(instrument.Name, value, tags));
        listener.Start();
        using ActivityListener spanListener = new()
        {
            ShouldListenTo = source => source.Name == TrainingMeter.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(spanListener);

        new FakeRun(4, [new TelemetryCallback(), new Teller()], step => step == 3 ? double.NaN : 10.0 / step, _ => [[3, 1], [2, 2]]).RunAndClose();
        listener.RecordObservableInstruments();

        Assert.Equal(2.5, last["mazij.train.loss"]);
        Assert.Equal(2.25, last["mazij.validation.loss"]);
        Assert.Equal(4 * FakeRun.TokensPerStep, sums["mazij.train.tokens"]);
        Assert.Equal((4, 4, 1), (last["mazij.train.step"], sums["mazij.train.steps"], sums["mazij.train.skipped_steps"]));
        Assert.Equal((1.5, 1), (last["mazij.train.expert_load_max_over_mean layer=0"], last["mazij.train.expert_load_max_over_mean layer=1"]));
        Assert.Equal(1, sums["mazij.train.events kind=not_finite"]);
        Assert.Equal(0.25, sums["mazij.evaluation.duration"]);
        Assert.True(sums["mazij.checkpoint.duration"] >= 0);
        Assert.True(last["mazij.train.mfu"] > 0);
        Assert.Equal(
            ["checkpoint", "evaluation", "step", "step", "step", "step", "train"], spans.Select(span => span.OperationName).Order(StringComparer.Ordinal));
        Activity run = spans.Single(span => span.OperationName == "train");
        Assert.All(spans.Where(span => span != run), span => Assert.Equal(run.SpanId, span.ParentSpanId));
        Assert.Equal("not_finite", Assert.Single(run.Events).Name);
        Assert.Equal(0.25, spans.Single(span => span.OperationName == "evaluation").Duration.TotalSeconds, 3);
    }

    private sealed class Teller : TrainingCallback
    {
        public override void StepDone(Trainer trainer, StepRecord record)
        {
            if (record.Step != 4)
                return;
            trainer.Report(new EvaluationRecord(4, record.Tokens, 2.25, 1, 100, 0.25));
            trainer.Saved("somewhere");
        }
    }
}
