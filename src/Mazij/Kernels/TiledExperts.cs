using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;
using Mazij.Kernels.Tiles;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

// Shapes: T tokens, K choices per token, R = T x K rows, E experts, D hidden, F width of an expert, S width of the shared one.

/// <summary>Weights of one set of SwiGLU experts in the compute dtype.</summary>
/// <param name="GateUp">[E, 2 F, D] (or [2 F, D] for one): gate rows, then up rows.</param>
/// <param name="Down">[E, D, F] (or [D, F]).</param>
internal sealed record ExpertWeights(Tensor GateUp, Tensor Down);

/// <summary>
/// Routed experts, shared expert and residual in one call, on tiles (CPU): out_t = residual_t + Shared(x_t) + sum over choices
/// k of p_tk E_k(x_t). The shared expert is one more expert that sees every token; without routed experts this is a dense
/// MLP. <see cref="GroupedExperts"/> and <see cref="SwiGlu"/> are the twins out of large products.
/// </summary>
internal static unsafe class TiledExperts
{
    private const long SumGrain = 64;

    /// <summary>What <see cref="Backward"/> needs and uses up; x, weights and permutation belong to the caller.</summary>
    public sealed class Tape(Tensor? activations_R2F, Tensor? shared_T2S) : IDisposable
    {
        private bool used;

        internal Tensor? Activations_R2F { get; } = activations_R2F;
        internal Tensor? Shared_T2S { get; } = shared_T2S;

        /// <inheritdoc/>
        public void Dispose()
        {
            Activations_R2F?.Dispose();
            Shared_T2S?.Dispose();
        }

        /// <summary>The backward pass overwrites what is kept here, so there can be one only.</summary>
        internal void Use()
        {
            if (used)
                throw new InvalidOperationException("The backward pass of these experts has been made already.");
            used = true;
        }
    }

    /// <summary>The routed part of a call.</summary>
    /// <param name="Weights_TK">Weights of the choices, fp32, contiguous.</param>
    /// <param name="Permutation">Rows by expert.</param>
    /// <param name="Experts">The experts.</param>
    public sealed record Routed(Tensor Weights_TK, TokenPermutation Permutation, ExpertWeights Experts);

    /// <summary>Whether these kernels can work on such hidden states.</summary>
    public static bool Serve(Tensor x_TD) => x_TD.device_type == DeviceType.CPU && TileGemm.Serves(x_TD.dtype);

    /// <summary>out [T, D], and what the backward pass needs.</summary>
    /// <param name="x_TD">Hidden states.</param>
    /// <param name="residual_TD">Added to the result; null for none.</param>
    /// <param name="routed">The routed experts; null for none.</param>
    /// <param name="shared">The shared expert or dense MLP; null for none.</param>
    public static (Tensor Output, Tape Tape) Forward(Tensor x_TD, Tensor? residual_TD, Routed? routed, ExpertWeights? shared)
    {
        long outputRows = Rows(routed) + (shared is null ? 0 : x_TD.shape[0]);
        byte* byRow = NativeMemoryBlock.OfCall(outputRows * x_TD.shape[1] * x_TD.element_size());
        Tape tape = Activate(x_TD, routed, shared, byRow);
        Tensor output = empty_like(x_TD);
        Combine(byRow, routed, shared is not null, residual_TD, output);
        return (output, tape);
    }

    /// <summary>What the backward pass needs, bit by bit as <see cref="Forward"/> left it, without the output: a third of the
    /// products is spared.</summary>
    /// <param name="x_TD">As in the forward pass, as are the next two.</param>
    /// <param name="routed">The routed experts.</param>
    /// <param name="shared">The shared expert.</param>
    public static Tape Recompute(Tensor x_TD, Routed? routed, ExpertWeights? shared) => Activate(x_TD, routed, shared, output: null);

    /// <summary>Gradients of x [T, D] and of the weights of the choices [T, K] (fp32; null without routed experts).</summary>
    /// <param name="gradOutput_TD">The gradient of the output; that of the residual is the same and is not added here.</param>
    /// <param name="x_TD">As in the forward pass, as are the next two.</param>
    /// <param name="routed">The routed experts.</param>
    /// <param name="shared">The shared expert.</param>
    /// <param name="tape">Of the forward pass; serves once.</param>
    /// <param name="gradients">Targets of the routed experts' gate-up and down weights, then of the shared one's.</param>
    public static (Tensor GradX, Tensor? GradWeights) Backward(
        Tensor gradOutput_TD, Tensor x_TD, Routed? routed, ExpertWeights? shared, Tape tape,
        (GradientTarget GateUp, GradientTarget Down, GradientTarget SharedGateUp, GradientTarget SharedDown) gradients)
    {
        using DisposeScope scope = NewDisposeScope();
        tape.Use();
        long tokens = x_TD.shape[0], rows = Rows(routed);
        ExpertWork work = Describe(gradOutput_TD, routed, shared, tape.Activations_R2F, tape.Shared_T2S);
        Tensor gradX = empty_like(x_TD);
        Tensor? gradWeights = routed is null ? null : empty_like(routed.Weights_TK);
        long size = x_TD.element_size(), outputBytes = TileScratch.Rounded((rows + (shared is null ? 0 : tokens)) * work.Hidden * size);
        long weightedBytes = TileScratch.Rounded(rows * work.Width * size);
        work.Output = NativeMemoryBlock.OfCall(outputBytes + weightedBytes + (tokens * work.SharedWidth * size));
        long[] offsets = routed is null ? [0] : routed.Permutation.Offsets;
        ExpertPiece[] pieces = ExpertWork.Cut(offsets, shared is null ? 0 : tokens);
        ExpertGradient routedTarget = routed is null ? default : ExpertGradient.Of(gradients.GateUp, gradients.Down);
        ExpertGradient sharedTarget = shared is null ? default : ExpertGradient.Of(gradients.SharedGateUp, gradients.SharedDown);
        BackwardBuffers buffers = new()
        {
            Input = ExpertWork.Address(x_TD),
            Weighted = work.Output + outputBytes,
            SharedWeighted = work.Output + outputBytes + weightedBytes,
            GradWeights = (float*)ExpertWork.Address(gradWeights),
        };
        if (x_TD.dtype == ScalarType.BFloat16)
            RunBackward<Bfloat16Lanes>(work, pieces, rows, offsets, buffers, routedTarget, sharedTarget);
        else
            RunBackward<Float32Lanes>(work, pieces, rows, offsets, buffers, routedTarget, sharedTarget);
        Combine(work.Output, routed, shared is not null, null, gradX);
        GC.KeepAlive(gradOutput_TD);
        return (gradX.MoveToOuterDisposeScope(), gradWeights?.MoveToOuterDisposeScope());
    }

    /// <summary>Gate and up; with an output, also the experts' results by row.</summary>
    private static Tape Activate(Tensor x_TD, Routed? routed, ExpertWeights? shared, byte* output)
    {
        using DisposeScope scope = NewDisposeScope();
        long tokens = x_TD.shape[0], rows = Rows(routed);
        Tensor? activations = routed is null ? null : Empty(x_TD, rows + ExpertWork.RowStep, routed.Experts.GateUp.shape[1]);
        Tensor? sharedActivations = shared is null ? null : Empty(x_TD, tokens + ExpertWork.RowStep, shared.GateUp.shape[0]);
        ExpertWork work = Describe(x_TD, routed, shared, activations, sharedActivations);
        work.Output = output;
        ExpertPiece[] pieces = ExpertWork.Cut(routed is null ? [] : routed.Permutation.Offsets, shared is null ? 0 : tokens);
        if (x_TD.dtype == ScalarType.BFloat16)
            RunForward<Bfloat16Lanes>(work, pieces, rows);
        else
            RunForward<Float32Lanes>(work, pieces, rows);
        GC.KeepAlive(x_TD);
        return new Tape(activations?.DetachFromDisposeScope(), sharedActivations?.DetachFromDisposeScope());
    }

    private static void RunForward<TLanes>(ExpertWork work, ExpertPiece[] pieces, long rows) where TLanes : struct, ILanes
    {
        if (pieces.Length > 0)
            TileJobs.Run(pieces.Length, ExpertForward<TLanes>.ScratchBytes(work, pieces[0].Count), new ExpertForward<TLanes>(work, pieces, rows));
    }

    private static void RunBackward<TLanes>(
        ExpertWork work, ExpertPiece[] pieces, long rows, long[] offsets, BackwardBuffers buffers, ExpertGradient routed, ExpertGradient shared)
        where TLanes : struct, ILanes
    {
        if (pieces.Length > 0)
        {
            TileJobs.Run(
                pieces.Length, ExpertBackward<TLanes>.ScratchBytes(work, pieces[0].Count),
                new ExpertBackward<TLanes>(work, pieces, rows, buffers.Weighted, buffers.SharedWeighted, buffers.GradWeights));
        }
        long mostRows = 0;
        for (int expert = 0; expert + 1 < offsets.Length; expert++)
            mostRows = Math.Max(mostRows, offsets[expert + 1] - offsets[expert]);
        TileJobs.Run(
            2 * (offsets.Length - 1 + (work.SharedWidth > 0 ? 1 : 0)), ExpertWeightGradient<TLanes>.ScratchBytes(work, mostRows),
            new ExpertWeightGradient<TLanes>(
                work, offsets, buffers.Input, buffers.Weighted, buffers.SharedWeighted, routed, shared));
    }

    private static ExpertWork Describe(
        Tensor input_TD, Routed? routed, ExpertWeights? shared, Tensor? activations, Tensor? sharedActivations)
    {
        ExpertWork work = new()
        {
            Tokens = input_TD.shape[0],
            Hidden = input_TD.shape[1],
            Input = ExpertWork.Address(input_TD),
            Activations = ExpertWork.Address(activations),
            SharedActivations = ExpertWork.Address(sharedActivations),
        };
        if (routed is not null)
        {
            work.Width = routed.Experts.Down.shape[2];
            work.TokenOfRow = TensorMemory.Pointer<long>(routed.Permutation.TokenOfRow);
            work.PairOfRow = TensorMemory.Pointer<long>(routed.Permutation.PairOfRow);
            work.Weights = (float*)ExpertWork.Address(routed.Weights_TK);
            work.GateUp = ExpertWork.Address(routed.Experts.GateUp);
            work.Down = ExpertWork.Address(routed.Experts.Down);
        }
        if (shared is not null)
        {
            work.SharedWidth = shared.Down.shape[1];
            work.SharedGateUp = ExpertWork.Address(shared.GateUp);
            work.SharedDown = ExpertWork.Address(shared.Down);
        }
        return work;
    }

    private static void Combine(byte* from, Routed? routed, bool hasShared, Tensor? addend_TD, Tensor output)
    {
        long rows = Rows(routed), tokens = output.shape[0], width = output.shape[1], perToken = routed is null ? 0 : rows / tokens;
        long* rowOfPair = routed is null ? null : TensorMemory.Pointer<long>(routed.Permutation.RowOfPair);
        byte* addend = ExpertWork.Address(addend_TD), to = ExpertWork.Address(output);
        if (output.dtype == ScalarType.BFloat16)
        {
            byte* shared = hasShared ? from + rows * width * Bfloat16Lanes.Size : null;
            TorchParallel.For(0, tokens, SumGrain, new CombineRows<Bfloat16Lanes>(from, rowOfPair, perToken, shared, addend, to, width));
        }
        else
        {
            byte* shared = hasShared ? from + rows * width * Float32Lanes.Size : null;
            TorchParallel.For(0, tokens, SumGrain, new CombineRows<Float32Lanes>(from, rowOfPair, perToken, shared, addend, to, width));
        }
    }

    private static long Rows(Routed? routed) => routed is null ? 0 : routed.Permutation.Offsets[^1];

    private static Tensor Empty(Tensor like, long rows, long columns) => empty(rows, columns, dtype: like.dtype, device: like.device);

    private struct BackwardBuffers
    {
        public byte* Input, Weighted, SharedWeighted;
        public float* GradWeights;
    }
}
