namespace Mazij.Kernels;

/// <summary>The numbers of one step of AdamW, the same for all parameters.</summary>
/// <param name="Number">t: the step's number, from 1.</param>
/// <param name="LearningRate">lr.</param>
/// <param name="Beta1">b1, of the first moment.</param>
/// <param name="Beta2">b2, of the second moment.</param>
/// <param name="Epsilon">eps, added to the root of the second moment.</param>
/// <param name="GradientFactor">What the gradients are multiplied by before anything else; 1 where they are not clipped.</param>
internal readonly record struct AdamWStep(
    long Number, double LearningRate, double Beta1, double Beta2, double Epsilon, double GradientFactor = 1)
{
    /// <summary>lr / (1 - b1^t).</summary>
    public double StepSize => LearningRate / (1 - Math.Pow(Beta1, Number));

    /// <summary>sqrt(1 - b2^t).</summary>
    public double RootCorrection => Math.Sqrt(1 - Math.Pow(Beta2, Number));
}

/// <summary>A range of flat buffers whose numbers share a weight decay.</summary>
/// <param name="Start">The first number.</param>
/// <param name="Count">Numbers.</param>
/// <param name="WeightDecay">wd.</param>
internal readonly record struct AdamWRange(long Start, long Count, double WeightDecay);
