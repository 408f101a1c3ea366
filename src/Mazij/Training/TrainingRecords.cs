using Mazij.Models;

namespace Mazij.Training;

/// <summary>What one step did and how fast; one line of metrics.jsonl.</summary>
internal sealed record StepRecord
{
    /// <summary>The step's number, from 1.</summary>
    public required long Step { get; init; }

    /// <summary>Tokens predicted since the run began.</summary>
    public required long Tokens { get; init; }

    /// <summary>Sequences of the step's batch.</summary>
    public int Sequences { get; init; }

    /// <summary>Tokens predicted in each of them.</summary>
    public int SequenceLength { get; init; }

    /// <summary>Tokens of the step from each source, in the order of the run file; empty with one source.</summary>
    public IReadOnlyList<SourceTokens> SourceTokens { get; init; } = [];

    /// <summary>Where the recipe stands; null if nothing in it changes over the run.</summary>
    public RecipePhase? Phase { get; init; }

    /// <summary>Mean next-token cross-entropy, nats.</summary>
    public required double Loss { get; init; }

    /// <summary>Mean loss of the multi-token prediction layers, nats; null without them.</summary>
    public double? PredictionLoss { get; init; }

    /// <summary>The learning rate of the step: the schedule's, lowered if a spike persists.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Global L2 norm of the gradient before clipping.</summary>
    public required double GradNorm { get; init; }

    /// <summary>Why the update was skipped, or null.</summary>
    public string? Skipped { get; init; }

    /// <summary>Tokens per second of this step.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>Model FLOPs per second of this step.</summary>
    public required double FlopsPerSecond { get; init; }

    /// <summary>Share of the measured GEMM rate of the device; null if that is not known.</summary>
    public double? Mfu { get; init; }

    /// <summary>The fullest expert's load over the mean, averaged over layers; null without experts.</summary>
    public double? ExpertLoadMaxOverMean { get; init; }

    /// <summary>Experts, over all layers, that no token chose; null without experts.</summary>
    public int? DeadExperts { get; init; }

    /// <summary>E x sum f P, averaged over layers; 1 is perfect balance; null without experts.</summary>
    public double? BalanceLoss { get; init; }

    /// <summary>Mean squared log-sum-exp of the router logits, averaged over layers; null without experts.</summary>
    public double? ZLoss { get; init; }

    /// <summary>The entropy of the routers' probabilities over the log of the number of experts, averaged over layers: 1 where
    /// routers cannot tell experts apart, 0 where they are sure; null without experts.</summary>
    public double? RouterEntropy { get; init; }

    /// <summary>What each router saw, by layer; empty without experts.</summary>
    public IReadOnlyList<RouterStatistics> Routers { get; init; } = [];

    /// <summary>Seconds since the run began, over all sessions.</summary>
    public required double Seconds { get; init; }

    /// <summary>Share of the run done, 0 to 1.</summary>
    public required double Fraction { get; init; }
}

/// <summary>The result of an evaluation on the validation text.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Tokens">Tokens trained on.</param>
/// <param name="Loss">Mean next-token cross-entropy, nats.</param>
/// <param name="BitsPerByte">Bits for each byte of text: independent of the tokenizer.</param>
/// <param name="EvaluatedTokens">Validation tokens predicted.</param>
/// <param name="Seconds">How long it took.</param>
internal sealed record EvaluationRecord(
    long Step, long Tokens, double Loss, double BitsPerByte, long EvaluatedTokens, double Seconds)
{
    /// <summary>The sources one by one; empty if there is only one.</summary>
    public IReadOnlyList<SourceEvaluation> Sources { get; init; } = [];
}

/// <summary>The result of an evaluation on one source's validation text.</summary>
/// <param name="Source">The source's name.</param>
/// <param name="Loss">Mean next-token cross-entropy, nats.</param>
/// <param name="BitsPerByte">Bits for each byte of text.</param>
internal sealed record SourceEvaluation(string Source, double Loss, double BitsPerByte);

/// <summary>A text that the model wrote.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Prompt">What it was given.</param>
/// <param name="Text">What it wrote behind that.</param>
internal sealed record SampleRecord(long Step, string Prompt, string Text);
