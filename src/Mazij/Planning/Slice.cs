namespace Mazij.Planning;

/// <summary>What one device sees of a model and a micro-batch.</summary>
/// <param name="Shape">The model.</param>
/// <param name="Layout">How it is laid out.</param>
/// <param name="SequenceLength">Tokens of a sequence.</param>
/// <param name="Imbalance">Load of the fullest device over the mean; 1 is even.</param>
/// <param name="UnfusedAttention">Whether attention's scores exist in memory.</param>
internal readonly record struct Slice(
    ModelShape Shape, ParallelLayout Layout, double SequenceLength, double Imbalance, bool UnfusedAttention)
{
    /// <summary>Tokens of the micro-batch that the device's context-parallel rank has.</summary>
    public double Tokens => Layout.MicroBatch * SequenceLength / Layout.ContextParallel;

    /// <summary>Experts that the device holds of a layer.</summary>
    public double ExpertsOnDevice => Math.Max(1, Shape.NumExperts) / (double)Layout.ExpertParallel;

    /// <summary>Pairs of a token and an expert that come to the device, evenly routed: with experts on other ranks, each brings its
    /// own share of the tokens.</summary>
    public double PairsOnDevice => Tokens * Shape.NumExpertsPerTok / (Layout.ExpertParallel > 1 ? Layout.TensorParallel : 1);
}
