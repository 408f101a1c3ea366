using Mazij.Configuration;
using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Tiles;
using static TorchSharp.torch;

namespace Mazij.Models;

// Shapes: B sequences, S tokens each, T = B x S tokens, D hidden, K choices per token, E experts, F width of an expert, V vocabulary.

/// <summary>
/// Memory that one forward and backward pass takes beside the parameters, in bytes, counted tensor by tensor from the code of
/// the layers. No token is dropped and none is padded for, so it does not depend on how evenly the experts are loaded.
/// </summary>
/// <param name="Kept">What the layers keep from the forward pass for the backward pass, where the most is kept.</param>
/// <param name="Working">What the layer at work, or the head, needs beside that: gradients of activations, what is computed
/// again, packed operands, a chunk of logits.</param>
internal sealed record ActivationMemory(long Kept, long Working)
{
    private const long Int64 = sizeof(long), Float32 = sizeof(float);

    /// <summary>Both together.</summary>
    public long Total => Kept + Working;

    /// <summary>Counts it for the phase of the run that takes the most: that of the long sequences has other micro-batches. Growing
    /// batches have more micro-batches, not larger ones, and an evaluation keeps no tape of micro-batches that have the first
    /// phase's size.</summary>
    /// <param name="config">The model.</param>
    /// <param name="type">The compute dtype.</param>
    /// <param name="training">Batch, sequence, checkpointing, routing warm-up.</param>
    /// <param name="threads">CPU threads, of which each has scratch memory.</param>
    public static ActivationMemory Of(ModelConfig config, ScalarType type, TrainingConfig training, int threads)
    {
        ActivationMemory first = OfPhase(config, type, training, training.MicroBatchSize, training.SequenceLength, threads);
        if (training.LongContext is not { SequenceLength: int length } phase)
            return first;
        ActivationMemory last = OfPhase(config, type, training, phase.MicroBatchSize, length, threads);
        return last.Total > first.Total ? last : first;
    }

    private static ActivationMemory OfPhase(
        ModelConfig config, ScalarType type, TrainingConfig training, int sequences, int sequenceLength, int threads)
    {
        Pass pass = new(config, type, training, sequences, sequenceLength);
        long kept = 0, again = 0, letGo = 0;
        for (int layer = 0; layer < config.NumHiddenLayers + config.NumNextnPredictLayers; layer++)
        {
            bool moe = config.IsMoeLayer(layer);
            long all = pass.KeptBy(moe, ActivationCheckpointing.None), rest = pass.KeptBy(moe, training.ActivationCheckpointing);
            kept += rest;
            letGo += all - rest;
            again = Math.Max(again, all - rest);
        }
        kept += config.NumNextnPredictLayers * pass.KeptByPrediction;
        // In the forward pass a layer's tape is complete for a moment too, but that is before the head, and without gradients. Where
        // some of it is then let go, what the next layers keep comes to lie in the room that this leaves: the backward pass finds no
        // free block as large, and takes another. The last two layers have no such followers, and where inputs alone are kept, they
        // lie side by side.
        long broken = training.ActivationCheckpointing == ActivationCheckpointing.Selective
            ? Math.Clamp(letGo - 2 * again, 0, again) : 0;
        long working = Math.Max(pass.Head, again + pass.LayerGradients) + broken;
        return new ActivationMemory(kept, working + pass.RowsOfExperts + threads * pass.Scratch);
    }

    private readonly struct Pass
    {
        private readonly ModelConfig config;
        private readonly ActivationCheckpointing checkpointing;
        private readonly bool tiles, warmup;
        private readonly long size, tokens, sequenceLength, hidden, context, pairs;

        public Pass(ModelConfig config, ScalarType type, TrainingConfig training, int sequences, int sequenceLength)
        {
            this.config = config;
            checkpointing = training.ActivationCheckpointing;
            warmup = training.RoutingWarmupSteps > 0;
            tiles = DeviceIsCpu(training) && TileGemm.Serves(type);
            size = TensorMemory.ElementSize(type);
            this.sequenceLength = sequenceLength;
            tokens = (long)sequences * sequenceLength;
            hidden = tokens * config.HiddenSize * size;
            context = tokens * config.NumAttentionHeads * config.ResolvedHeadDim * size;
            pairs = tokens * config.NumExpertsPerTok;
        }

        /// <summary>The tape of a decoder layer.</summary>
        public long KeptBy(bool moe, ActivationCheckpointing mode)
        {
            long input = hidden;
            if (mode == ActivationCheckpointing.Full)
                return input;
            long some = input + Attention + hidden + (moe ? Routing : 0);
            return mode == ActivationCheckpointing.Selective ? some : some + 2 * hidden + (moe ? Experts : Dense);
        }

        /// <summary>What a multi-token prediction layer keeps beside its decoder layer: both inputs, the decoder's output, its
        /// gradient and, if nothing is computed again, the normed inputs.</summary>
        public long KeptByPrediction => (checkpointing == ActivationCheckpointing.None ? 6 : 4) * hidden;

        /// <summary>Gradients in a layer's backward pass, and the operand that a product packs.</summary>
        public long LayerGradients => 5 * hidden + context + Qkv + Math.Max(hidden, context)
            + pairs * Float32 + tokens * config.NumExperts * Float32 + (tiles ? 0 : Experts);

        /// <summary>The head's inputs, packed inputs, gradients, packed weight and logits of one chunk.</summary>
        public long Head
        {
            get
            {
                const long chunkBytes = 32 << 20, chunkTokens = 1024;
                long vocabulary = config.VocabSize;
                return tiles
                    ? 6 * hidden + vocabulary * config.HiddenSize * size
                        + Math.Min(tokens * vocabulary * size, Math.Max(chunkBytes, PackedRows.TokensOfBlock * vocabulary * size))
                    : 5 * hidden + Math.Min(tokens, chunkTokens) * vocabulary * (2 * size + Float32)
                        + vocabulary * config.HiddenSize * size;
            }
        }

        /// <summary>What the experts' kernels hand to one another: outputs by row, weighted activations.</summary>
        public long RowsOfExperts
        {
            get
            {
                if (!tiles)
                    return 0;
                long experts = (pairs + tokens) * config.HiddenSize
                    + pairs * config.MoeIntermediateSize + tokens * config.SharedIntermediateSize;
                long dense = tokens * (config.HiddenSize + config.IntermediateSize);
                bool hasMoe = config.MoeLayers > 0, hasDense = config.MoeLayers < config.NumHiddenLayers;
                return size * Math.Max(hasMoe ? experts : 0, hasDense ? dense : 0);
            }
        }

        /// <summary>Scratch memory of one thread: attention's operands of one head, or packed rows and weights of an expert.</summary>
        public long Scratch
        {
            get
            {
                const long panel = 512 << 10, rows = 512;
                long attention = sequenceLength * config.ResolvedHeadDim * (7 * size + 3 * Float32);
                long widest = Math.Max(2L * Math.Max(config.MoeIntermediateSize, config.SharedIntermediateSize), config.HiddenSize);
                return tiles ? Math.Max(attention, rows * (widest + config.HiddenSize) * size) + 2 * panel : 0;
            }
        }

        private long Qkv => tokens * config.QueryKeyValueRows * size;

        // Without tiles, q, k and v are normed, turned and laid out anew, and q, k, v themselves are kept for the norm's gradient.
        private long Attention => context + tokens * config.NumAttentionHeads * Float32 + (tiles || !config.UseQkNorm ? Qkv : 2 * Qkv);

        private long Routing =>
            tokens * config.NumExperts * Float32 * (warmup ? 2 : 1) + pairs * (Float32 + Int64) + 3 * pairs * Int64;

        private long Experts
        {
            get
            {
                long gateUp = 2 * size * (pairs * config.MoeIntermediateSize + tokens * config.SharedIntermediateSize);
                // Without tiles the experts' inputs are gathered, and the shared expert's activation is kept.
                return tiles ? gateUp : gateUp + size * (pairs * config.HiddenSize + tokens * config.SharedIntermediateSize);
            }
        }

        private long Dense => (tiles ? 2 : 3) * size * tokens * config.IntermediateSize;

        private static bool DeviceIsCpu(TrainingConfig training) => Devices.DeviceName.Parse(training.Device).IsCpu;
    }
}
