using Mazij.Configuration;
using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Models;

/// <summary>What the trainer wants from one micro-batch.</summary>
/// <param name="LossScale">Factor on the gradient of the mean token loss: 1 / (micro-batches in the step).</param>
/// <param name="Routing">Auxiliary losses and warm-up; NoiseSeed is the micro-batch's, each router derives its own.</param>
/// <param name="Checkpointing">What the layers keep of the forward pass.</param>
internal readonly record struct MicroBatchOptions(
    double LossScale, RoutingOptions Routing, ActivationCheckpointing Checkpointing = ActivationCheckpointing.None);

/// <summary>Losses of one micro-batch, unscaled.</summary>
/// <param name="Loss">Mean next-token cross-entropy, nats.</param>
/// <param name="PredictionLoss">Mean cross-entropy of the multi-token prediction layers; 0 without.</param>
internal readonly record struct MicroBatchLoss(double Loss, double PredictionLoss);

/// <summary>
/// The mixture-of-experts transformer of Ling: embedding, decoder layers, final norm, head. Training runs an explicit
/// forward and backward pass layer by layer (no global autograd graph), so that each layer's gradients are complete at a
/// known moment and its activations are freed at once; inference runs over an optional KV cache.
/// </summary>
internal sealed class MoeTransformer : IDisposable
{
    private readonly TokenEmbedding embedding;
    private readonly DecoderLayer[] layers;
    private readonly PredictionLayer[] predictionLayers;
    private readonly Parameter finalNorm;
    private readonly OutputHead head;
    private readonly bool portable;
    private RotaryEmbedding? rotary;

    /// <summary>Builds the model over <paramref name="parameters"/>, which it then owns.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="device">Where they are.</param>
    /// <param name="portable">Whether to compute with libtorch's plain operators on the CPU too, as other devices do.</param>
    public MoeTransformer(ModelConfig config, ParameterSet parameters, Device device, bool portable = false)
    {
        Config = config;
        this.portable = portable;
        Parameters = parameters;
        Device = device;
        embedding = new TokenEmbedding(config, parameters, portable);
        finalNorm = parameters[ParameterLayout.FinalNormName];
        head = new OutputHead(config, parameters, portable);
        RouterState? StateOf(int layer)
        {
            if (!config.IsMoeLayer(layer))
                return null;
            RouterState state = new(config, device);
            RouterStates.Add(layer, state);
            return state;
        }
        layers = new DecoderLayer[config.NumHiddenLayers];
        for (int layer = 0; layer < layers.Length; layer++)
            layers[layer] = new DecoderLayer(config, parameters, layer, StateOf(layer), portable);
        predictionLayers = new PredictionLayer[parameters.IsTraining ? config.NumNextnPredictLayers : 0];
        for (int i = 0; i < predictionLayers.Length; i++)
            predictionLayers[i] = new PredictionLayer(config, parameters, layers.Length + i, StateOf(layers.Length + i), portable);
    }

    /// <summary>The model's shape.</summary>
    public ModelConfig Config { get; private set; }

    /// <summary>The weights.</summary>
    public ParameterSet Parameters { get; }

    /// <summary>Where the weights are.</summary>
    public Device Device { get; }

    /// <summary>Whether it computes with libtorch's plain operators on the CPU too.</summary>
    public bool IsPortable => portable;

    /// <summary>Router bias and statistics by layer index; MoE layers only.</summary>
    public SortedDictionary<int, RouterState> RouterStates { get; } = [];

    /// <summary>Turns to longer sequences: from now on positions are rotated with another base.</summary>
    /// <param name="ropeTheta">Base of the rotary frequencies.</param>
    /// <param name="positions">Longest sequence the model is meant for from now on, if that is longer than before.</param>
    public void ExtendContext(double ropeTheta, int positions)
    {
        Config = Config with { RopeTheta = ropeTheta, MaxPositionEmbeddings = Math.Max(positions, Config.MaxPositionEmbeddings) };
        rotary?.Dispose();
        rotary = null;
    }

    /// <summary>Must be called after the master weights have been written, by whoever has not brought the compute copy up to
    /// date too.</summary>
    public void WeightsChanged()
    {
        Parameters.RefreshCompute();
        ComputeWeightsChanged();
    }

    /// <summary>Must be called after the weights have changed and their compute copy with them.</summary>
    public void ComputeWeightsChanged() => head.WeightsChanged();

    /// <summary>
    /// Runs the forward and backward pass over windows of ids and adds to the parameters' gradients. Position t of each of
    /// the first seq ids predicts id t + 1.
    /// </summary>
    /// <param name="ids">[batch, seq + 1] (int64), on the model's device.</param>
    /// <param name="options">Scales and auxiliary losses.</param>
    /// <param name="listener">Told when each group is reached; pass it with the last micro-batch of a step only.</param>
    public MicroBatchLoss ForwardBackward(Tensor ids, in MicroBatchOptions options, IGroupListener? listener = null)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable gradientsOff = no_grad();
        long batch = ids.shape[0], seq = ids.shape[1] - 1, tokens = batch * seq;
        RotaryEmbedding rope = RotaryFor(seq);
        Tensor inputs = ids.narrow(1, 0, seq).reshape(tokens), targets = ids.narrow(1, 1, seq).reshape(tokens);

        listener?.BeforeForward(0);
        Tensor x = embedding.Forward(inputs);
        LayerTape[] tapes = new LayerTape[layers.Length];
        // Where little is kept of each layer, that stands side by side, made beforehand: scattered, it would cut the memory that
        // is free between the layers into pieces that are too small for the next.
        Tensor[]? kept = options.Checkpointing == ActivationCheckpointing.Full
            ? empty([layers.Length, tokens, Config.HiddenSize], x.dtype, Device).unbind(0)
            : null;
        for (int layer = 0; layer < layers.Length; layer++)
        {
            listener?.BeforeForward(layer + 1);
            if (kept is not null)
                x = Moved(x, kept[layer]);
            (x, tapes[layer]) = layers[layer].Forward(x, batch, rope, RoutingOf(options, layer), options.Checkpointing);
        }
        listener?.BeforeForward(Parameters.Layout.Groups - 1);
        Tensor normed, gradient;
        using (KernelClock.Time(KernelName.Norm))
            normed = RmsNorm.Forward(x, finalNorm.Compute, Config.RmsNormEps, portable);
        (Tensor lossSum, Tensor gradNormed) = head.ForwardBackward(normed, targets, options.LossScale / tokens);
        double predictionLoss = predictionLayers.Length == 0 ? 0 : PredictFurther(ids, normed, gradNormed, batch, seq, options, rope, listener);
        using (KernelClock.Time(KernelName.Norm, backward: true))
            gradient = RmsNorm.Backward(gradNormed, x, finalNorm.Compute, Config.RmsNormEps, finalNorm.Gradient, portable: portable);
        x.Dispose();
        if (!Config.TieWordEmbeddings)
            listener?.GradientsComplete(Parameters.Layout.Groups - 1);

        for (int layer = layers.Length - 1; layer >= 0; layer--)
        {
            Tensor previous = gradient;
            gradient = layers[layer].Backward(gradient, tapes[layer], batch, rope);
            previous.Dispose();
            tapes[layer].Dispose();
            listener?.GradientsComplete(layer + 1);
        }
        embedding.Backward(gradient, inputs);
        if (Config.TieWordEmbeddings)
            listener?.GradientsComplete(Parameters.Layout.Groups - 1);
        listener?.GradientsComplete(0);
        return new MicroBatchLoss(lossSum.item<float>() / (double)tokens, predictionLoss);
    }

    /// <summary>The cross-entropy of every predicted token, for evaluation.</summary>
    /// <param name="ids">[batch, seq + 1] (int64), on the model's device.</param>
    /// <returns>[batch, seq], fp32.</returns>
    public Tensor TokenLosses(Tensor ids)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable gradientsOff = no_grad();
        long batch = ids.shape[0], seq = ids.shape[1] - 1;
        Tensor hidden = FinalHidden(ids.narrow(1, 0, seq), cache: null, probe: null);
        Tensor targets = ids.narrow(1, 1, seq).reshape(batch * seq);
        return head.TokenLosses(hidden, targets).view(batch, seq).MoveToOuterDisposeScope();
    }

    /// <summary>Logits for ids that follow those in the cache.</summary>
    /// <param name="ids">[batch, new] (int64), on the model's device.</param>
    /// <param name="cache">Keys and values of what came before, which is extended; null for none.</param>
    /// <param name="probe">Sees the parts of each layer.</param>
    /// <param name="lastOnly">Whether only the last position's logits are wanted.</param>
    /// <returns>[batch, new or 1, vocab], fp32.</returns>
    public Tensor Infer(Tensor ids, KvCache? cache = null, ModelProbe? probe = null, bool lastOnly = false)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable gradientsOff = no_grad();
        long batch = ids.shape[0], seq = ids.shape[1];
        Tensor hidden = FinalHidden(ids, cache, probe);
        if (lastOnly && seq > 1)
        {
            hidden = hidden.view(batch, seq, Config.HiddenSize).narrow(1, seq - 1, 1).reshape(batch, Config.HiddenSize);
            seq = 1;
        }
        return head.Logits(hidden).view(batch, seq, Config.VocabSize).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        rotary?.Dispose();
        head.Dispose();
        foreach (RouterState state in RouterStates.Values)
            state.Dispose();
        Parameters.Dispose();
    }

    private Tensor FinalHidden(Tensor ids, KvCache? cache, ModelProbe? probe)
    {
        using DisposeScope scope = NewDisposeScope();
        long batch = ids.shape[0], seq = ids.shape[1];
        RotaryEmbedding rope = RotaryFor((cache?.Length ?? 0) + seq);
        Tensor x = embedding.Forward(ids.reshape(batch * seq));
        for (int layer = 0; layer < layers.Length; layer++)
        {
            probe?.Hidden(layer, x);
            Tensor previous = x;
            x = layers[layer].Infer(x, batch, rope, cache?.Layer(layer), probe?.Layer(layer));
            previous.Dispose();
        }
        probe?.Hidden(layers.Length, x);
        Tensor normed = RmsNorm.Forward(x, finalNorm.Compute, Config.RmsNormEps, portable);
        probe?.FinalHidden(normed);
        return normed.MoveToOuterDisposeScope();
    }

    /// <summary>Forward and backward through the multi-token prediction layers; adds their share to the gradient of the
    /// normed hidden states and to the embedding's. Layer k at position t sees id t + k and predicts id t + k + 1.</summary>
    private double PredictFurther(
        Tensor ids, Tensor normed, Tensor gradNormed, long batch, long seq, MicroBatchOptions options, RotaryEmbedding rope,
        IGroupListener? listener)
    {
        using DisposeScope scope = NewDisposeScope();
        int count = predictionLayers.Length;
        PredictionLayer.Tape[] tapes = new PredictionLayer.Tape[count];
        Tensor[] gradients = new Tensor[count], shifted = new Tensor[count];
        Tensor hidden = normed.alias();
        double lossTotal = 0;
        for (int i = 0; i < count; i++)
        {
            listener?.BeforeForward(layers.Length + 1 + i);
            int shift = i + 1;
            // Positions whose next id lies outside the window see id 0 and predict nothing.
            Tensor ahead = zeros_like(ids.narrow(1, 0, seq));
            ahead.narrow(1, 0, seq + 1 - shift).copy_(ids.narrow(1, shift, seq + 1 - shift));
            shifted[i] = ahead.reshape(batch * seq);
            (Tensor output, tapes[i]) = predictionLayers[i].Forward(
                embedding.Forward(shifted[i]), hidden, batch, rope, RoutingOf(options, layers.Length + i), options.Checkpointing);
            long valid = Math.Max(0, seq - shift);
            gradients[i] = zeros_like(output);
            if (valid > 0)
            {
                Tensor kept = output.view(batch, seq, Config.HiddenSize).narrow(1, 0, valid).reshape(batch * valid, Config.HiddenSize);
                Tensor targets = ids.narrow(1, shift + 1, valid).reshape(batch * valid);
                double scale = options.LossScale * Config.MtpLossScalingFactor / count / (batch * valid);
                (Tensor lossSum, Tensor grad) = head.ForwardBackward(kept, targets, scale);
                gradients[i].view(batch, seq, Config.HiddenSize).narrow(1, 0, valid).copy_(grad.view(batch, valid, Config.HiddenSize));
                lossTotal += lossSum.item<float>() / (double)(batch * valid);
            }
            hidden = output;
        }
        Tensor carried = zeros_like(gradNormed);
        for (int i = count - 1; i >= 0; i--)
        {
            (Tensor gradEmbedded, Tensor gradHidden) = predictionLayers[i].Backward(
                gradients[i].add_(carried, Scalars.One), tapes[i], batch, rope);
            embedding.Backward(gradEmbedded, shifted[i]);
            carried = gradHidden;
            tapes[i].Dispose();
            listener?.GradientsComplete(layers.Length + 1 + i);
        }
        gradNormed.add_(carried, Scalars.One);
        return lossTotal / count;
    }

    private static Tensor Moved(Tensor x, Tensor place)
    {
        place.copy_(x);
        x.Dispose();
        return place;
    }

    private static RoutingOptions RoutingOf(in MicroBatchOptions options, int layer) =>
        options.Routing with { NoiseSeed = StableHash.Of(options.Routing.NoiseSeed, layer) };

    private RotaryEmbedding RotaryFor(long positions)
    {
        if (rotary is null || rotary.Positions < positions)
        {
            rotary?.Dispose();
            // Grown in powers of two so that generation does not rebuild the tables at every token.
            rotary = new RotaryEmbedding(
                Config.RotaryDim, Config.RopeTheta, (long)System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)positions), Device);
        }
        return rotary;
    }
}
