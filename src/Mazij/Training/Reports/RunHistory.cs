namespace Mazij.Training.Reports;

/// <summary>
/// What happened in a run from its first step on, over all sessions, in bounded memory: curves of the figures, evaluations,
/// events. Built from metrics.jsonl, and kept up to date as the run goes on.
/// </summary>
internal sealed class RunHistory
{
    /// <summary>Sources of a line of metrics.jsonl that are read at most.</summary>
    public const int MaximumSources = 1000;

    private const int RecentLosses = 50;

    private Queue<double> recent = new();
    private double firstStepSeconds;
    private long firstStepTokens;

    /// <summary>Training loss, nats a token; steps whose loss is no number left out.</summary>
    public Curve Loss { get; private set; } = Curve.Empty();

    /// <summary>Learning rate.</summary>
    public Curve LearningRate { get; private set; } = Curve.Empty();

    /// <summary>Global norm of the gradient before clipping.</summary>
    public Curve GradNorm { get; private set; } = Curve.Empty();

    /// <summary>Validation loss, nats a token.</summary>
    public Curve ValidationLoss { get; private set; } = Curve.Empty();

    /// <summary>Tokens per second; the first step of the run, which warms up, left out.</summary>
    public Curve TokensPerSecond { get; private set; } = Curve.Empty();

    /// <summary>Share of the measured matrix product rate; the first step left out.</summary>
    public Curve Mfu { get; private set; } = Curve.Empty();

    /// <summary>The fullest expert's load over the mean.</summary>
    public Curve ExpertLoad { get; private set; } = Curve.Empty();

    /// <summary>The entropy of the routers' probabilities, 1 where no expert is preferred.</summary>
    public Curve RouterEntropy { get; private set; } = Curve.Empty();

    /// <summary>What happened beside the steps.</summary>
    public EventLog Events { get; private set; } = new();

    /// <summary>The phases of its recipe, and what was drawn in each.</summary>
    public PhaseLog Phases { get; private set; } = PhaseLog.Empty;

    /// <summary>The last step, or null before the first.</summary>
    public StepRecord? LastStep { get; private set; }

    /// <summary>The first training loss, nats; null before the first step.</summary>
    public double? FirstLoss { get; private set; }

    /// <summary>The mean training loss of the last fifty steps, nats; null before the first.</summary>
    public double? RecentLoss => recent.Count == 0 ? null : recent.Average();

    /// <summary>The newest evaluation, or null.</summary>
    public EvaluationRecord? LastEvaluation { get; private set; }

    /// <summary>The evaluation with the lowest loss, or null.</summary>
    public EvaluationRecord? BestEvaluation { get; private set; }

    /// <summary>Evaluations so far.</summary>
    public long Evaluations { get; private set; }

    /// <summary>Steps whose update was skipped.</summary>
    public long SkippedSteps { get; private set; }

    /// <summary>Seconds spent in steps.</summary>
    public double StepSeconds { get; private set; }

    /// <summary>Seconds spent evaluating.</summary>
    public double EvaluationSeconds { get; private set; }

    /// <summary>Seconds of training, over all sessions, as far as the last line tells.</summary>
    public double Seconds { get; private set; }

    /// <summary>What earlier sessions left of a run.</summary>
    /// <param name="metricsFile">Its metrics.jsonl; need not be there.</param>
    /// <param name="lastStep">The step of the checkpoint that the run goes on from.</param>
    /// <exception cref="InputException">The file cannot be read.</exception>
    public static RunHistory Of(string metricsFile, long lastStep)
    {
        RunHistory history = new();
        try
        {
            if (File.Exists(metricsFile))
                new MetricsReader().ReadInto(history, metricsFile, lastStep);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{metricsFile}: cannot be read ({MessageText.OneLine(error.Message, 300)})", error);
        }
        return history;
    }

    /// <summary>The history as it is now; what is added to the one is not in the other.</summary>
    public RunHistory Copy()
    {
        RunHistory copy = (RunHistory)MemberwiseClone();
        (copy.Events, copy.recent) = (Events.Copy(), new(recent));
        return copy;
    }

    /// <summary>Counts a step.</summary>
    public void Add(StepRecord record)
    {
        long tokens = record.Tokens - (LastStep?.Tokens ?? 0);
        double seconds = record.TokensPerSecond > 0 ? tokens / record.TokensPerSecond : 0;
        StepSeconds += seconds;
        if (LastStep is null)
            (firstStepSeconds, firstStepTokens, FirstLoss) = (seconds, record.Tokens, double.IsFinite(record.Loss) ? record.Loss : null);
        LastStep = record with { Routers = [] };
        Phases = Phases.With(record, tokens);
        Seconds = Math.Max(Seconds, record.Seconds);
        SkippedSteps += record.Skipped is null ? 0 : 1;
        Loss = Loss.With(record.Step, record.Tokens, record.Loss);
        LearningRate = LearningRate.With(record.Step, record.Tokens, record.LearningRate);
        GradNorm = GradNorm.With(record.Step, record.Tokens, record.GradNorm);
        if (record.Step > 1)
        {
            TokensPerSecond = TokensPerSecond.With(record.Step, record.Tokens, record.TokensPerSecond);
            Mfu = Mfu.With(record.Step, record.Tokens, record.Mfu);
        }
        ExpertLoad = ExpertLoad.With(record.Step, record.Tokens, record.ExpertLoadMaxOverMean);
        RouterEntropy = RouterEntropy.With(record.Step, record.Tokens, record.RouterEntropy);
        if (!double.IsFinite(record.Loss))
            return;
        recent.Enqueue(record.Loss);
        if (recent.Count > RecentLosses)
            recent.Dequeue();
    }

    /// <summary>Counts an evaluation.</summary>
    public void Add(EvaluationRecord record)
    {
        LastEvaluation = record;
        Evaluations++;
        EvaluationSeconds += record.Seconds;
        if (double.IsFinite(record.Loss) && (BestEvaluation is null || record.Loss < BestEvaluation.Loss))
            BestEvaluation = record;
        ValidationLoss = ValidationLoss.With(record.Step, record.Tokens, record.Loss);
    }

    /// <summary>Counts an event.</summary>
    public void Add(TrainingEvent happened)
    {
        Events.Add(happened);
        if (happened.Kind == TrainingEventKind.RecipeChanged)
            Phases = Phases.With(happened.Message);
    }

    /// <summary>Says how long the run has taken by now, what came after the last step included.</summary>
    public void Elapsed(double seconds) => Seconds = Math.Max(Seconds, seconds);

    /// <summary>Tokens per second over all steps but the first, or null before the second.</summary>
    public double? MeanTokensPerSecond => LastStep is not null && StepSeconds > firstStepSeconds
        ? (LastStep.Tokens - firstStepTokens) / (StepSeconds - firstStepSeconds) : null;
}
