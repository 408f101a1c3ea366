using CsCheck;
using Mazij.Training;
using Mazij.Training.Reports;

namespace Mazij.Tests.Training.Reports;

public sealed class PhaseLogTests
{
    [Fact]
    public void Changes_before_one_step_begin_one_phase()
    {
        RunHistory history = new();
        history.Add(Step(1, 2, ("web", 8)));
        history.Add(Step(2, 4, ("web", 8), ("books", 8)));
        history.Add(new TrainingEvent(2, TrainingEventKind.RecipeChanged, "the batch has grown"));
        history.Add(new TrainingEvent(2, TrainingEventKind.RecipeChanged, "the mixture is another"));
        history.Add(new TrainingEvent(2, TrainingEventKind.NarrowSpike, "no change of the recipe"));
        history.Add(Step(3, 4, ("books", 16)));
        Assert.Equal(
            [(1, 2, 2, 4), (3, 3, 4, 4)],
            history.Phases.All.Select(phase => (phase.FirstStep, phase.LastStep, phase.FirstSequences, phase.LastSequences)));
        Assert.Equal(["the batch has grown", "the mixture is another"], history.Phases.All[1].Changes);
        Assert.Equal([("books", 8L), ("web", 16L)], history.Phases.All[0].Drawn.Select(source => (source.Key, source.Value)));
        Assert.Equal([("books", 24L), ("web", 16L)], history.Phases.Drawn.Select(source => (source.Key, source.Value)));
    }

    [Fact]
    public void Whatever_happens_no_token_is_lost_and_memory_is_bounded() => Gen.Int[0, 3].Array[0, 300].Sample(steps =>
    {
        PhaseLog log = PhaseLog.Empty;
        for (int i = 0; i < steps.Length; i++)
        {
            for (int change = 0; change < steps[i]; change++)
                log = log.With("another");
            log = log.With(Step(i + 1, 2, ("web", 3), ("books", i)), tokens: 3 + i);
        }
        return log.All.Count <= PhaseLog.Kept && log.All.Sum(phase => phase.Tokens) == log.Drawn.Values.Sum();
    });

    [Fact]
    public void A_copy_stays_as_it_was()
    {
        RunHistory history = new();
        history.Add(Step(1, 2, ("web", 8)));
        history.Add(new EvaluationRecord(1, 8, 3, 1, 8, 1));
        history.Add(new TrainingEvent(1, TrainingEventKind.NarrowSpike, "one"));
        RunHistory copy = history.Copy();
        history.Add(new TrainingEvent(1, TrainingEventKind.RecipeChanged, "another phase"));
        for (int step = 2; step < 6000; step++)
            history.Add(Step(step, 2, ("web", 8)));
        history.Add(new EvaluationRecord(2, 8, 2, 1, 8, 1));
        Assert.Single(copy.Loss.Points);
        Assert.Single(copy.LearningRate.Points);
        Assert.Single(copy.ValidationLoss.Points);
        Assert.Empty(copy.TokensPerSecond.Points);
        Assert.Equal((1, 1, 1), (copy.Events.Count, copy.Events.First.Count, copy.Events.Counts.Count));
        Assert.Equal((1, 1), (copy.LastStep!.Step, copy.LastEvaluation!.Step));
        Assert.Equal(8, Assert.Single(copy.Phases.All).Tokens);
        Assert.Equal(copy.FirstLoss, copy.RecentLoss);
    }

    private static StepRecord Step(long step, int sequences, params (string Source, long Tokens)[] drawn) => new()
    {
        Step = step,
        Tokens = 8 * step,
        Sequences = sequences,
        SourceTokens = [.. drawn.Select(source => new SourceTokens(source.Source, source.Tokens))],
        Loss = 1.0 / step,
        LearningRate = 1e-3,
        GradNorm = 1,
        TokensPerSecond = 1,
        FlopsPerSecond = 1,
        Seconds = step,
        Fraction = 0.5,
    };
}
