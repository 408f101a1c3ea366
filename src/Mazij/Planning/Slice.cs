namespace Mazij.Planning;

/// <summary>What one device sees of a model and a micro-batch.</summary>
/// <param name="Sequences">Sequences of the micro-batch.</param>
/// <param name="SequenceLength">Tokens of each.</param>
/// <param name="TensorParallel">Devices that split each matrix.</param>
/// <param name="ContextParallel">Devices that split each sequence.</param>
/// <param name="ExpertParallel">Devices over which a layer's experts are spread.</param>
/// <param name="Experts">Experts of a layer.</param>
/// <param name="ExpertsPerToken">Routed experts that a token visits.</param>
/// <param name="Imbalance">Load of the fullest device over the mean; 1 is even.</param>
/// <param name="ElementBytes">Bytes of a number in activations.</param>
/// <param name="UnfusedAttention">Whether attention's scores exist in memory.</param>
internal readonly record struct Slice(
    double Sequences, double SequenceLength, int TensorParallel, int ContextParallel, int ExpertParallel, int Experts, int ExpertsPerToken,
    double Imbalance, double ElementBytes, bool UnfusedAttention)
{
    /// <summary>Tokens of the micro-batch that the device's context-parallel rank has.</summary>
    public double Tokens => Sequences * SequenceLength / ContextParallel;

    /// <summary>Experts that the device holds of a layer.</summary>
    public double ExpertsOnDevice => Math.Max(1, Experts) / (double)ExpertParallel;

    /// <summary>Devices that split each expert.</summary>
    public int ExpertTensorParallel => ExpertParallel > 1 ? 1 : TensorParallel;

    /// <summary>Pairs of a token and an expert that come to the device, evenly routed.</summary>
    public double PairsOnDevice => Tokens * ExpertsPerToken / (ExpertParallel > 1 ? TensorParallel : 1);
}
