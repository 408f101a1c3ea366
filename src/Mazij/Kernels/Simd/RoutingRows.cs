using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Tiles;
using static TorchSharp.torch;

namespace Mazij.Kernels.Simd;

// Shapes: T tokens, K choices per token, E experts.

/// <summary>
/// Routing of tokens, each in one pass over its logits: scores, choice, weights, and its part of the sums behind load,
/// balance loss E x sum_e f_e P_e, z-loss and entropy.
/// </summary>
/// <remarks>Each block of 128 tokens has sums of its own, and these are added in order. So the result does not depend on the
/// number of threads.</remarks>
internal static unsafe class RoutingRows
{
    private const long BlockTokens = 128;

    /// <summary>Writes choices and weights.</summary>
    /// <param name="logits_TE">fp32, contiguous.</param>
    /// <param name="bias_E">fp32, contiguous; null for none.</param>
    /// <param name="rule">How to choose and to weigh.</param>
    /// <param name="weights_TK">fp32, contiguous; written.</param>
    /// <param name="choices_TK">int64, contiguous; written.</param>
    public static void Choose(Tensor logits_TE, Tensor? bias_E, RoutingRule rule, Tensor weights_TK, Tensor choices_TK)
    {
        Work work = new(logits_TE, logits_TE, 1, bias_E, rule, weights_TK, choices_TK);
        TileJobs.Run(work.Blocks, work.ScratchBytes, new Job(work, null));
    }

    /// <summary>Writes choices, weights, load and losses.</summary>
    /// <param name="logits_TE">s, fp32, contiguous.</param>
    /// <param name="used_TE">The noise, of the same shape, which is overwritten by u = a s + (1 - a) noise; the logits
    /// themselves if there is none.</param>
    /// <param name="share">a.</param>
    /// <param name="bias_E">fp32, contiguous; null for none.</param>
    /// <param name="rule">How to choose and to weigh.</param>
    /// <param name="weights_TK">fp32, contiguous; written.</param>
    /// <param name="choices_TK">int64, contiguous; written.</param>
    /// <param name="load_E">fp32, contiguous; written: choices that fell on each expert.</param>
    /// <param name="balance">One number, fp32; written.</param>
    /// <param name="z">One number, fp32; written.</param>
    /// <param name="entropy">One number, fp32; written.</param>
    public static void Route(
        Tensor logits_TE, Tensor used_TE, double share, Tensor? bias_E, RoutingRule rule, Tensor weights_TK, Tensor choices_TK,
        Tensor load_E, Tensor balance, Tensor z, Tensor entropy)
    {
        Work work = new(logits_TE, used_TE, share, bias_E, rule, weights_TK, choices_TK);
        Span<float> load = TensorMemory.Span<float>(load_E);
        if (load.Length != rule.Experts)
            throw new ArgumentException("must have one number for each expert", nameof(load_E));
        float[] sums = ArrayPool<float>.Shared.Rent(checked((int)(work.Blocks * work.SumNumbers)));
        double products = 0, squares = 0, entropies = 0;
        fixed (float* first = sums)
        {
            TileJobs.Run(work.Blocks, work.ScratchBytes, new Job(work, first));
            for (int expert = 0; expert < load.Length; expert++)
            {
                double count = 0, probability = 0;
                for (long block = 0; block < work.Blocks; block++)
                {
                    float* own = first + block * work.SumNumbers;
                    probability += own[expert];
                    count += own[work.Padded + expert];
                }
                load[expert] = (float)count;
                products += count * probability;
            }
            for (long block = 0; block < work.Blocks; block++)
            {
                float* last = first + block * work.SumNumbers + 2 * work.Padded;
                squares += last[0];
                entropies += last[1];
            }
        }
        ArrayPool<float>.Shared.Return(sums);
        double tokens = work.Tokens;
        *TensorMemory.Pointer<float>(balance) = (float)(rule.Experts * products / (tokens * rule.PerToken * tokens));
        *TensorMemory.Pointer<float>(z) = (float)(squares / tokens);
        *TensorMemory.Pointer<float>(entropy) = (float)(entropies / tokens);
    }

    private readonly struct Work
    {
        public readonly float* Logits, Used, Weights;
        public readonly long* Choices;
        public readonly long Tokens, Experts, PerToken, Padded;
        public readonly float Share, NoiseShare, Floor, Scale;
        public readonly bool Sigmoid, Divides;
        public readonly RoutingChoice Choice;

        public Work(
            Tensor logits_TE, Tensor used_TE, double share, Tensor? bias_E, RoutingRule rule, Tensor weights_TK, Tensor choices_TK)
        {
            TensorFacts logits = TensorFacts.Of(logits_TE, nameof(logits_TE))
                .WithDimensions(2).WithSize(1, rule.Experts).OfType(ScalarType.Float32).Contiguous();
            TensorFacts used = TensorFacts.Of(used_TE, nameof(used_TE)).WithShapeOf(logits).LikeThatOf(logits).Contiguous();
            Tokens = logits.Sizes[0];
            Logits = (float*)logits.Data;
            Used = (float*)used.Data;
            Weights = (float*)Pairs(weights_TK, nameof(weights_TK), rule).OfType(ScalarType.Float32).Data;
            Choices = (long*)Pairs(choices_TK, nameof(choices_TK), rule).OfType(ScalarType.Int64).Data;
            float* bias = bias_E is null ? null : (float*)TensorFacts.Of(bias_E, nameof(bias_E))
                .WithDimensions(1).WithSize(0, rule.Experts).OfType(ScalarType.Float32).Contiguous().Data;
            Choice = new RoutingChoice(rule, bias);
            (Experts, PerToken, Padded) = (rule.Experts, rule.PerToken, RoutingScores.Padded(rule.Experts));
            (Share, NoiseShare) = ((float)share, (float)(1 - share));
            (Sigmoid, Divides, Floor, Scale) = (rule.Sigmoid, rule.Divides, (float)rule.Floor, (float)rule.Scale);
        }

        public long Blocks => (Tokens + BlockTokens - 1) / BlockTokens;

        /// <summary>A block's sums: probabilities [E], load [E], squares of logsumexp and entropies; on cache lines of its own.</summary>
        public long SumNumbers => 2 * Padded + ILanes.Width;

        public long ScratchBytes =>
            TileScratch.Rounded(Padded * sizeof(float)) + TileScratch.Rounded(Choice.ScratchNumbers * sizeof(float));

        private TensorFacts Pairs(Tensor tensor, string name, RoutingRule rule) =>
            TensorFacts.Of(tensor, name).WithDimensions(2).WithSize(0, Tokens).WithSize(1, rule.PerToken).Contiguous();
    }

    private readonly struct Job(Work work, float* sums) : ITileJob
    {
        private readonly Work work = work;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(long index, ref TileScratch scratch)
        {
            float* scores = (float*)scratch.Take(work.Padded * sizeof(float));
            float* memory = (float*)scratch.Take(work.Choice.ScratchNumbers * sizeof(float));
            float* own = sums is null ? null : sums + index * work.SumNumbers;
            if (own is not null)
                NativeMemoryBlock.Clear(own, work.SumNumbers * sizeof(float));
            long last = Math.Min(work.Tokens, (index + 1) * BlockTokens);
            double squares = 0, entropies = 0;
            for (long token = index * BlockTokens; token < last; token++)
            {
                float* logits = work.Logits + token * work.Experts, used = work.Used + token * work.Experts;
                if (used != logits)
                    Mix(logits, used);
                float sum = work.Sigmoid
                    ? RoutingScores.Sigmoid(used, work.Experts, scores)
                    : RoutingScores.Softmax(used, work.Experts, scores);
                long* choices = work.Choices + token * work.PerToken;
                work.Choice.Choose(scores, memory, choices);
                Weigh(scores, choices, work.Weights + token * work.PerToken);
                if (own is null)
                    continue;
                float divisor = work.Sigmoid ? sum : 1;
                AddProbabilities(scores, divisor, own);
                entropies += RoutingScores.Entropy(scores, work.Padded, divisor);
                for (long k = 0; k < work.PerToken; k++)
                    own[work.Padded + choices[k]]++;
                double logSumExp = work.Sigmoid || used != logits ? RoutingScores.LogSumExp(logits, work.Experts) : sum;
                squares += logSumExp * logSumExp;
            }
            if (own is not null)
            {
                own[2 * work.Padded] = (float)squares;
                own[2 * work.Padded + 1] = (float)entropies;
            }
        }

        // Rounded as two products and a sum, as libtorch's operators are.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Mix(float* logits, float* used)
        {
            for (long j = 0; j < work.Experts; j++)
                used[j] = logits[j] * work.Share + used[j] * work.NoiseShare;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Weigh(float* scores, long* choices, float* weights)
        {
            float sum = work.Floor;
            for (long k = 0; k < work.PerToken; k++)
                sum += scores[choices[k]];
            float divisor = work.Divides ? sum : 1;
            for (long k = 0; k < work.PerToken; k++)
                weights[k] = scores[choices[k]] / divisor * work.Scale;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void AddProbabilities(float* scores, float divisor, float* probabilities)
        {
            Vector512<float> factor = Vector512.Create(1 / divisor);
            for (long j = 0; j < work.Padded; j += ILanes.Width)
                (Vector512.Load(probabilities + j) + Vector512.Load(scores + j) * factor).Store(probabilities + j);
        }
    }
}
