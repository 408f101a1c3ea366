using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Tiles;
using static TorchSharp.torch;

namespace Mazij.Kernels.Simd;

// Shapes: T tokens, K choices per token, E experts.

/// <summary>
/// ds from dw, the gradient of the weights, and from the auxiliary losses. For one token, with C the chosen experts:
/// <code>
/// u = s, or a s + (1 - a) noise;   p = softmax(u) or sigmoid(u)
/// S = sum of p over C (+ 1e-20 for sigmoids);   w_c = scale p_c / S, or scale p_c if nothing is divided
///
/// weights          d_c = dL/dp_c = scale (dw_c - sum over C of dw_j p_j / S) / S, or scale dw_c
/// balance loss     B = E sum_e f_e P_e, P_e = mean over tokens of q_e, q = p for softmax, p / sum(p) for sigmoids.
///                  f counts choices, a constant: dB/dq_e = E f_e / T = b_e, the same for every token
///   softmax        dL/dp_e = b_e + [e in C] d_e
///                  dL/du_e = p_e (dL/dp_e - m), m = sum_j p_j dL/dp_j
///                          = p_e (b_e - m) + [e in C] p_e d_e, m = sum_j b_j p_j + sum over C of d_j p_j
///   sigmoid        dL/dp_e = (b_e - m) / sum(p) + [e in C] d_e, m = sum_j b_j q_j
///                  dL/du_e = p_e (1 - p_e) dL/dp_e
/// z-loss           Z = mean of l^2, l = logsumexp(s): dZ/ds_e = 2 l / T softmax(s)_e
///
/// ds_e = a dL/du_e + dL/dZ dZ/ds_e
/// </code>
/// The scores are computed again, which is faster than reading them. Tokens are independent.
/// </summary>
internal static unsafe class RoutingGradient
{
    private const long BlockTokens = 128;

    /// <summary>Writes ds.</summary>
    /// <param name="gradWeights_TK">dw, fp32, contiguous.</param>
    /// <param name="tape">The kernels' forward pass.</param>
    /// <param name="factors">How much the auxiliary losses count.</param>
    /// <param name="gradLogits_TE">ds, fp32, contiguous; written.</param>
    public static void Backward(Tensor gradWeights_TK, ExpertRouting.Tape tape, AuxiliaryFactors factors, Tensor gradLogits_TE)
    {
        Work work = new(gradWeights_TK, tape, factors, gradLogits_TE);
        float[] balance = ArrayPool<float>.Shared.Rent((int)work.Padded);
        ReadOnlySpan<float> load = TensorMemory.Span<float>(tape.Load_E);
        double perChoice = factors.Balance * work.Experts / ((double)work.Tokens * work.PerToken * work.Tokens);
        for (int expert = 0; expert < work.Padded; expert++)
            balance[expert] = expert < load.Length ? (float)(perChoice * load[expert]) : 0;
        fixed (float* gradient = balance)
        {
            long blocks = (work.Tokens + BlockTokens - 1) / BlockTokens;
            TileJobs.Run(blocks, TileScratch.Rounded(work.Padded * sizeof(float)), new Job(work, gradient));
        }
        ArrayPool<float>.Shared.Return(balance);
    }

    private readonly struct Work
    {
        public readonly float* Logits, Used, GradWeights, GradLogits;
        public readonly long* Choices;
        public readonly long Tokens, Experts, PerToken, Padded;
        public readonly float Share, Floor, Scale, ZPerLogSumExp;
        public readonly bool Sigmoid, Divides, Balances;

        public Work(Tensor gradWeights_TK, ExpertRouting.Tape tape, AuxiliaryFactors factors, Tensor gradLogits_TE)
        {
            TensorFacts logits = TensorFacts.Of(tape.Logits_TE, nameof(tape)).Contiguous();
            TensorFacts choices = TensorFacts.Of(tape.Choices_TK, nameof(tape)).OfType(ScalarType.Int64).Contiguous();
            TensorFacts gradWeights = TensorFacts.Of(gradWeights_TK, nameof(gradWeights_TK))
                .WithShapeOf(choices).OfType(ScalarType.Float32).Contiguous();
            TensorFacts gradLogits = TensorFacts.Of(gradLogits_TE, nameof(gradLogits_TE))
                .WithShapeOf(logits).LikeThatOf(logits).Contiguous();
            Logits = (float*)logits.Data;
            Used = tape.Mixed_TE is null ? Logits : TensorMemory.Pointer<float>(tape.Mixed_TE);
            Choices = (long*)choices.Data;
            GradWeights = (float*)gradWeights.Data;
            GradLogits = (float*)gradLogits.Data;
            RoutingRule rule = tape.Rule;
            (Tokens, Experts, PerToken, Padded) = (logits.Sizes[0], rule.Experts, rule.PerToken, RoutingScores.Padded(rule.Experts));
            (Sigmoid, Divides, Floor, Scale) = (rule.Sigmoid, rule.Divides, (float)rule.Floor, (float)rule.Scale);
            Share = (float)tape.Share;
            Balances = factors.Balance != 0;
            ZPerLogSumExp = (float)(2 * factors.Z / Tokens);
        }

        /// <summary>Whether the scores are softmax(s), which the z-loss needs too.</summary>
        public bool ScoresServeZ => !Sigmoid && Used == Logits;

        public bool AddsZ => ZPerLogSumExp != 0 && !ScoresServeZ;
    }

    private readonly struct Job(Work work, float* balance) : ITileJob
    {
        private readonly Work work = work;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(long index, ref TileScratch scratch)
        {
            float* scores = (float*)scratch.Take(work.Padded * sizeof(float));
            long last = Math.Min(work.Tokens, (index + 1) * BlockTokens);
            for (long token = index * BlockTokens; token < last; token++)
            {
                long row = token * work.Experts, pairs = token * work.PerToken;
                if (work.Sigmoid)
                    OfSigmoid(work.Used + row, scores, work.Choices + pairs, work.GradWeights + pairs, work.GradLogits + row);
                else
                    OfSoftmax(work.Used + row, scores, work.Choices + pairs, work.GradWeights + pairs, work.GradLogits + row);
                if (work.AddsZ)
                    AddZ(work.Logits + row, work.GradLogits + row);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void OfSoftmax(float* used, float* scores, long* choices, float* gradWeights, float* gradLogits)
        {
            float logSumExp = RoutingScores.Softmax(used, work.Experts, scores);
            (float mean, float divisor) = OfDivision(scores, choices, gradWeights);
            float chosen = 0;
            for (long k = 0; k < work.PerToken; k++)
                chosen += scores[choices[k]] * OfScore(gradWeights[k], mean, divisor);
            Vector512<float> m = Vector512.Create(BalanceOver(scores) + chosen), share = Vector512.Create(work.Share);
            Vector512<float> z = Vector512.Create(work.ScoresServeZ ? work.ZPerLogSumExp * logSumExp : 0);
            for (long j = 0; j < work.Experts; j += ILanes.Width)
            {
                Vector512<float> gradient = Vector512.Load(scores + j) * ((Vector512.Load(balance + j) - m) * share + z);
                RoutingScores.Store(gradLogits, j, work.Experts, gradient);
            }
            for (long k = 0; k < work.PerToken; k++)
                gradLogits[choices[k]] += work.Share * (scores[choices[k]] * OfScore(gradWeights[k], mean, divisor));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void OfSigmoid(float* used, float* scores, long* choices, float* gradWeights, float* gradLogits)
        {
            float sum = RoutingScores.Sigmoid(used, work.Experts, scores);
            // A sum of 0, which sigmoids can have, matters to the balance loss alone.
            float total = work.Balances ? sum : 1;
            (float mean, float divisor) = OfDivision(scores, choices, gradWeights);
            Vector512<float> m = Vector512.Create(BalanceOver(scores) / total), totals = Vector512.Create(total);
            Vector512<float> share = Vector512.Create(work.Share);
            for (long j = 0; j < work.Experts; j += ILanes.Width)
            {
                Vector512<float> p = Vector512.Load(scores + j);
                Vector512<float> gradient = p * (Vector512<float>.One - p) * ((Vector512.Load(balance + j) - m) / totals);
                RoutingScores.Store(gradLogits, j, work.Experts, gradient * share);
            }
            for (long k = 0; k < work.PerToken; k++)
            {
                float p = scores[choices[k]];
                gradLogits[choices[k]] += work.Share * (p * (1 - p) * OfScore(gradWeights[k], mean, divisor));
            }
        }

        /// <summary>Sum over C of dw_j p_j / S, and S; 0 and 1 if nothing is divided.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private (float Mean, float Divisor) OfDivision(float* scores, long* choices, float* gradWeights)
        {
            if (!work.Divides)
                return (0, 1);
            float sum = work.Floor, products = 0;
            for (long k = 0; k < work.PerToken; k++)
            {
                sum += scores[choices[k]];
                products += gradWeights[k] * scores[choices[k]];
            }
            return (products / sum, sum);
        }

        /// <summary>d_c.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private float OfScore(float gradWeight, float mean, float divisor) => work.Scale * (gradWeight - mean) / divisor;

        /// <summary>Sum over all experts of b_j p_j.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private float BalanceOver(float* scores)
        {
            Vector512<float> sums = Vector512<float>.Zero;
            for (long j = 0; j < work.Padded; j += ILanes.Width)
                sums += Vector512.Load(balance + j) * Vector512.Load(scores + j);
            return Vector512.Sum(sums);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void AddZ(float* logits, float* gradLogits)
        {
            float logSumExp = RoutingScores.LogSumExp(logits, work.Experts);
            Vector512<float> shift = Vector512.Create(logSumExp), factor = Vector512.Create(work.ZPerLogSumExp * logSumExp);
            for (long j = 0; j < work.Experts; j += ILanes.Width)
            {
                Vector512<float> softmax = VectorExp.Exp(RoutingScores.Load(logits, j, work.Experts, float.NegativeInfinity) - shift);
                Vector512<float> sum = RoutingScores.Load(gradLogits, j, work.Experts, 0) + softmax * factor;
                RoutingScores.Store(gradLogits, j, work.Experts, sum);
            }
        }
    }
}
