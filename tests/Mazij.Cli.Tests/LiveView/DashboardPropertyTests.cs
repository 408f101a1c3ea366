using CsCheck;
using Mazij.Cli.LiveView;
using Mazij.Configuration;
using Mazij.Models;
using Mazij.Training;
using Spectre.Console;

namespace Mazij.Cli.Tests.LiveView;

/// <summary>Whatever a run reports, the view is drawn, and fits.</summary>
public sealed class DashboardPropertyTests
{
    private static readonly Gen<double> number = Gen.OneOf(
        Gen.Double[-10, 10], Gen.Double[0, 1], Gen.Double, Gen.OneOfConst(0.0, double.NaN, double.PositiveInfinity, double.NegativeInfinity, double.MaxValue, double.Epsilon));

    private static readonly Gen<long> count = Gen.OneOf(Gen.Long[0, 1000], Gen.Long[0, long.MaxValue]);

    private static readonly Gen<RouterStatistics[]> routers =
        from layers in Gen.Int[0, 40]
        from experts in Gen.Int[1, 256]
        from loads in Gen.Long[0, 50].Array[layers * experts]
        select Enumerable.Range(0, layers)
            .Select(layer => new RouterStatistics(loads[(layer * experts)..((layer + 1) * experts)], 1, 1, 1)).ToArray();

    private static readonly Gen<StepRecord> step = Gen.Select(
        count, number.Array[10], number.Nullable(), routers, (step, numbers, maybe, routers) => new StepRecord
        {
            Step = step,
            Tokens = step,
            Loss = numbers[0],
            LearningRate = numbers[1],
            GradNorm = numbers[2],
            TokensPerSecond = numbers[3],
            FlopsPerSecond = numbers[4],
            Mfu = maybe,
            ExpertLoadMaxOverMean = routers.Length == 0 ? null : numbers[5],
            DeadExperts = routers.Length == 0 ? null : 3,
            RouterEntropy = routers.Length == 0 ? null : numbers[8],
            Routers = routers,
            Seconds = numbers[6],
            Fraction = numbers[7],
        });

    private static readonly Gen<Func<RunView, RunView>> change = Gen.OneOf(
        Gen.Select(step, count, number, (record, skipped, seconds) => (Func<RunView, RunView>)(view => view.With(
            record, new TrainingProgress { Step = record.Step, Tokens = record.Tokens, Seconds = seconds, SkippedSteps = skipped }))),
        Gen.Select(count, number, number, (at, loss, bits) => (Func<RunView, RunView>)(view => view.With(new EvaluationRecord(at, at, loss, bits, 1, 1)))),
        Gen.Select(count, Gen.Enum<TrainingEventKind>(), Gen.String, (at, kind, message) =>
            (Func<RunView, RunView>)(view => view.With(new TrainingEvent(at, kind, message)))),
        Gen.Select(count, number, (at, seconds) => (Func<RunView, RunView>)(view => view.WithCheckpoint(at, seconds))),
        Gen.Enum<TrainingActivity>().Select(activity => (Func<RunView, RunView>)(view => view.With(activity))),
        Gen.Enum<RunState>().Select(state => (Func<RunView, RunView>)(view => view with { State = state })));

    [Fact]
    public void Is_drawn_and_never_exceeds_its_size() => Gen.Select(
        Gen.Int[1, 180], Gen.Int[1, 70], Gen.Bool, Gen.Select(Gen.String, number.Nullable(), number.Nullable(), number.Nullable()), change.Array[0, 12],
        Gen.Select(number, count, count, count))
        .Sample((width, height, ascii, facts, changes, moment) =>
        {
            (string name, double? price, double? gzip, double? bytes) = facts;
            RunView view = new()
            {
                Facts = new RunFacts
                {
                    Name = name,
                    Model = name,
                    Stop = new StopConfig { Steps = 10 },
                    Cost = new CostConfig { PricePerHour = price, Currency = name },
                    GzipBitsPerByte = gzip,
                    BytesPerToken = bytes,
                },
            };
            view = changes.Aggregate(view, (current, next) => next(current));
            (double since, long resident, long peak, long available) = moment;
            Dashboard dashboard = new(view, new Moment(since, resident, peak, available), height, ascii ? Glyphs.Ascii : Glyphs.Full);
            List<string> lines = [.. dashboard.Lines(width).Select(line => string.Concat(line.Segments.Select(segment => segment.Text)))];
            return lines.Count <= height && lines.TrueForAll(line => line.GetCellWidth() <= width && !line.Any(char.IsControl)
                && (!ascii || System.Text.Ascii.IsValid(line)));
        }, iter: 200);
}
