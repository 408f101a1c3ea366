namespace Mazij.Training;

/// <summary>What a training run on this machine is expected to take, before it begins.</summary>
/// <param name="Basis">Where the prediction comes from, in words.</param>
/// <param name="StepSeconds">A step of the first phase, at its full batch.</param>
/// <param name="TokensPerSecond">Its tokens over its seconds.</param>
/// <param name="Mfu">Share of the measured rate of matrix products; null if that is not known.</param>
/// <param name="Steps">Steps of the run.</param>
/// <param name="Tokens">Tokens of the run.</param>
/// <param name="Seconds">The run, as it counts its own time: all steps, and what is between them.</param>
/// <param name="EvaluationSeconds">What evaluations take of that.</param>
/// <param name="OtherSeconds">What samples, checkpoints and the first step take of that.</param>
/// <param name="EndingSeconds">The last evaluation and checkpoint, behind that.</param>
/// <param name="MemoryBytes">The most memory the process takes.</param>
/// <param name="Cost">What the run costs; null without a price.</param>
internal sealed record RunPrediction(
    string Basis, double StepSeconds, double TokensPerSecond, double? Mfu, double Steps, double Tokens, double Seconds, double EvaluationSeconds,
    double OtherSeconds, double EndingSeconds, long MemoryBytes, double? Cost);
