using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Models;

/// <summary>
/// What a router keeps beside its weight: the expert bias (Ling 2), the running mean and deviation of its logits (for the
/// stochastic routing warm-up), and what it saw in the current step. The first three are part of a checkpoint.
/// </summary>
internal sealed class RouterState : IDisposable
{
    private const double StatisticsDecay = 0.99;
    private readonly int experts;

    // Made once: small blocks that a step leaves among its large ones would keep those from being joined again.
    private readonly Tensor load_E, balanceSum, zSum, entropySum;
    private int microBatches;

    public RouterState(ModelConfig config, Device device)
    {
        experts = config.NumExperts;
        load_E = zeros(experts, ScalarType.Float32, device).DetachFromDisposeScope();
        balanceSum = zeros([], ScalarType.Float32, device).DetachFromDisposeScope();
        zSum = zeros([], ScalarType.Float32, device).DetachFromDisposeScope();
        entropySum = zeros([], ScalarType.Float32, device).DetachFromDisposeScope();
        if (config.MoeRouterEnableExpertBias)
            Bias = zeros(experts, ScalarType.Float32, device).DetachFromDisposeScope();
    }

    /// <summary>The bias [experts] (fp32) that steers the choice, or null.</summary>
    public Tensor? Bias { get; }

    /// <summary>Running mean of the router's logits.</summary>
    public double LogitMean { get; set; }

    /// <summary>Running standard deviation of the router's logits; 0 before the first warm-up step.</summary>
    public double LogitDeviation { get; set; }

    /// <summary>Brings the running mean and deviation of the logits up to date.</summary>
    public void ObserveLogits(Tensor logits_TE)
    {
        using DisposeScope scope = NewDisposeScope();
        double mean = logits_TE.mean().item<float>(), deviation = logits_TE.std(unbiased: false).item<float>();
        // Logits that are not finite make the trainer skip the step; nothing of it may stay.
        if (double.IsFinite(mean) && double.IsFinite(deviation))
        {
            bool first = LogitDeviation == 0;
            LogitMean = first ? mean : StatisticsDecay * LogitMean + (1 - StatisticsDecay) * mean;
            LogitDeviation = first ? deviation : StatisticsDecay * LogitDeviation + (1 - StatisticsDecay) * deviation;
        }
    }

    /// <summary>mu + sigma eps, shaped as the logits.</summary>
    public Tensor WarmupNoise(Tensor logits_TE, long seed)
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new((ulong)seed);
        return empty(logits_TE.shape).normal_(LogitMean, LogitDeviation, generator).to(logits_TE.device).MoveToOuterDisposeScope();
    }

    /// <summary>Adds one micro-batch's load, losses and entropy to the step's.</summary>
    public void Record(ExpertRouting.Tape microBatch)
    {
        Accumulate(load_E, microBatch.Load_E);
        Accumulate(balanceSum, microBatch.Balance);
        Accumulate(zSum, microBatch.Z);
        Accumulate(entropySum, microBatch.Entropy);
        microBatches++;
    }

    /// <summary>Returns what was recorded since the last call and starts afresh.</summary>
    public RouterStatistics TakeStatistics()
    {
        long[] load = new long[experts];
        if (microBatches == 0)
            return new RouterStatistics(load, 0, 0, 0);
        using (NewDisposeScope())
        {
            ReadOnlySpan<float> values = load_E.cpu().data<float>().ToArray();
            for (int expert = 0; expert < experts; expert++)
                load[expert] = (long)values[expert];
        }
        RouterStatistics statistics = new(
            load, balanceSum.item<float>() / microBatches, zSum.item<float>() / microBatches,
            entropySum.item<float>() / microBatches);
        foreach (Tensor sum in (ReadOnlySpan<Tensor>)[load_E, balanceSum, zSum, entropySum])
            sum.zero_();
        microBatches = 0;
        return statistics;
    }

    /// <summary>Moves the bias against the load: bias += rate (sign(mean load - load) - mean of those signs), as Ling 2's
    /// training does; nothing happens without a bias.</summary>
    public void UpdateBias(ReadOnlySpan<long> load, double rate)
    {
        if (Bias is null || rate == 0)
            return;
        long total = 0;
        foreach (long count in load)
            total += count;
        if (total == 0)
            return;
        double mean = (double)total / experts, signSum = 0;
        float[] change = new float[experts];
        for (int expert = 0; expert < experts; expert++)
        {
            change[expert] = Math.Sign(mean - load[expert]);
            signSum += change[expert];
        }
        for (int expert = 0; expert < experts; expert++)
            change[expert] = (float)(rate * (change[expert] - signSum / experts));
        using Tensor delta = tensor(change, device: Bias.device);
        Bias.add_(delta, Scalars.One);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Bias?.Dispose();
        foreach (Tensor sum in (ReadOnlySpan<Tensor>)[load_E, balanceSum, zSum, entropySum])
            sum.Dispose();
    }

    private static void Accumulate(Tensor sum, Tensor value)
    {
        // Where plain operators route, the losses hold the graph of their gradient; the sums must not.
        using Tensor plain = value.detach();
        sum.add_(plain, Scalars.One);
    }
}

/// <summary>What a router saw in one step.</summary>
/// <param name="Load">Choices that fell on each expert.</param>
/// <param name="BalanceLoss">E x sum_e f_e P_e, averaged over micro-batches; 1 is perfect balance.</param>
/// <param name="ZLoss">Mean of logsumexp(logits)^2.</param>
/// <param name="Entropy">Mean over tokens of the entropy of the probabilities that a token is routed by, nats: the log of the
/// number of experts where the router cannot tell them apart, 0 where it is sure of one.</param>
internal sealed record RouterStatistics(long[] Load, double BalanceLoss, double ZLoss, double Entropy);
