using Mazij.Configuration;
using Mazij.Kernels;
using Mazij.Models;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mazij.Benchmarks.Eager;

/// <summary>How an eager model runs its experts.</summary>
internal enum EagerStyle
{
    /// <summary><see cref="LoopedExperts"/>.</summary>
    Loop,

    /// <summary><see cref="SortedExperts"/>.</summary>
    Sorted,
}

/// <summary>
/// The same model as <see cref="MoeTransformer"/>, written the usual way: TorchSharp modules, operators of libtorch, autograd.
/// What our kernels are measured against. Takes ids [batch, seq + 1] and returns the mean cross-entropy, and that plus
/// the auxiliary losses of all layers.
/// </summary>
internal sealed class EagerTransformer : nn.Module<Tensor, (Tensor Loss, Tensor Objective)>, IEagerPart
{
    private readonly TorchSharp.Modules.Parameter embedding;
    private readonly ModuleList<EagerLayer> layers = [];
    private readonly EagerRmsNorm finalNorm;
    private readonly TorchSharp.Modules.Linear head;
    private readonly EagerRotary rotary;
    private readonly long vocabulary;

    public EagerTransformer(ModelConfig config, TrainingConfig training, EagerStyle style, ScalarType type)
        : base(nameof(EagerTransformer))
    {
        vocabulary = config.VocabSize;
        // Not nn.Embedding: its weight is another wrapper at each call.
        embedding = (TorchSharp.Modules.Parameter)new TorchSharp.Modules.Parameter(
            empty([config.VocabSize, config.HiddenSize], type)).DetachFromDisposeScope();
        for (int layer = 0; layer < config.NumHiddenLayers; layer++)
        {
            EagerExperts experts = style == EagerStyle.Loop ? new LoopedExperts(config, type) : new SortedExperts(config, type);
            EagerMoe moe = new(config, type, experts, training.BalanceLossCoefficient, training.ZLossCoefficient);
            layers.Add(new EagerLayer(config, type, moe));
        }
        finalNorm = new EagerRmsNorm(config.HiddenSize, config.RmsNormEps, type);
        head = nn.Linear(config.HiddenSize, config.VocabSize, hasBias: false, dtype: type);
        rotary = new EagerRotary(config.ResolvedHeadDim, config.RopeTheta, training.SequenceLength, type);
        RegisterComponents();
    }

    /// <summary>What of a model the eager one does not have, or null if it can be compared.</summary>
    public static string? Misses(ModelConfig config) =>
        config.NumExperts == 0 || config.FirstKDenseReplace > 0 ? "dense layers"
        : config.ScoreFunction != ScoreFunction.Softmax || config.MoeRouterEnableExpertBias || config.NGroup > 1
            ? "sigmoid routing, expert bias and groups"
        : config.NumNextnPredictLayers > 0 ? "multi-token prediction"
        : config.NormHead || config.TieWordEmbeddings ? "NormHead and tied embeddings"
        : config.RotaryDim != config.ResolvedHeadDim ? "partial rotation"
        : config.PadTokenId is not null ? "a padding id"
        : null;

    /// <inheritdoc/>
    public override (Tensor Loss, Tensor Objective) forward(Tensor ids)
    {
        using DisposeScope scope = NewDisposeScope();
        long seq = ids.shape[1] - 1;
        Tensor x_BSD = embedding.index_select(0, ids.narrow(1, 0, seq).reshape(-1)).view(ids.shape[0], seq, -1);
        Tensor? auxiliary = null;
        for (int layer = 0; layer < layers.Count; layer++)
        {
            (Tensor output, Tensor objective) = layers[layer].call(x_BSD, rotary);
            x_BSD.Dispose();
            x_BSD = output;
            auxiliary = auxiliary is null ? objective : auxiliary.add(objective, Scalars.One);
        }
        Tensor logits_TV = head.call(finalNorm.call(x_BSD)).view(-1, vocabulary).to(ScalarType.Float32);
        Tensor loss = nn.functional.cross_entropy(logits_TV, ids.narrow(1, 1, seq).reshape(-1));
        return (loss.MoveToOuterDisposeScope(), loss.add(auxiliary!, Scalars.One).MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public IEnumerable<(Tensor Eager, Tensor Ours)> Match(string prefix, Func<string, Tensor> ours)
    {
        yield return (embedding, ours(prefix + ParameterLayout.EmbeddingName));
        for (int layer = 0; layer < layers.Count; layer++)
        {
            foreach ((Tensor, Tensor) pair in layers[layer].Match(prefix + ParameterLayout.LayerPrefix(layer), ours))
                yield return pair;
        }
        foreach ((Tensor, Tensor) pair in finalNorm.Match(prefix + "model.norm.", ours))
            yield return pair;
        yield return (head.weight!, ours(prefix + ParameterLayout.HeadName));
    }

    /// <summary>Takes over the weights of our model.</summary>
    public void CopyFrom(ParameterSet ours)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable gradientsOff = no_grad();
        foreach ((Tensor eager, Tensor weight) in Match("", name => ours[name].Master))
            eager.copy_(weight);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            rotary.Dispose();
        base.Dispose(disposing);
    }
}
