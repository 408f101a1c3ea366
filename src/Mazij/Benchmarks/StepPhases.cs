namespace Mazij.Benchmarks;

/// <summary>Where the seconds of a training step go.</summary>
/// <param name="Data">Getting the batch.</param>
/// <param name="Forward">The embedding and the layers.</param>
/// <param name="Head">Final norm, head and cross-entropy, forward and backward in one.</param>
/// <param name="Backward">The layers and the embedding.</param>
/// <param name="Optimizer">The gradients' norm, clipping and AdamW.</param>
/// <param name="Other">The rest: copying the ids, clearing the gradients, statistics.</param>
internal readonly record struct StepPhases(double Data, double Forward, double Head, double Backward, double Optimizer, double Other)
{
    /// <summary>The phases' names as they are reported, and their seconds.</summary>
    public IReadOnlyList<(string Name, double Seconds)> Named =>
    [
        ("data", Data), ("forward", Forward), ("head", Head), ("backward", Backward), ("optimizer", Optimizer), ("other", Other),
    ];
}
