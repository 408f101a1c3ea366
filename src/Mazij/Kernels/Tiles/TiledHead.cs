using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;
using static TorchSharp.torch;

namespace Mazij.Kernels.Tiles;

// Shapes: T tokens, C tokens of one chunk, D hidden, V vocabulary.

/// <summary>
/// The head's products with cross-entropy between them, over chunks of tokens. For each chunk: the logits' tiles become panels of
/// exponentials (<see cref="SoftmaxPanels"/>); the panels' sums become losses; each slice of ids becomes its gradient dz, and at
/// once its rows of dW += dz^T x; last dx = dz W.
/// </summary>
internal static unsafe class TiledHead
{
    // Exponentials of one chunk. A chunk has at least one block of tokens, else dW would be read and written too often.
    private const long ChunkBytes = 32 << 20, BlockTokens = PackedRows.TokensOfBlock;

    /// <summary>Whether these tensors can be served.</summary>
    public static bool Serves(Tensor x_TD, Tensor weight_VD) => TiledLinear.Serves(x_TD, weight_VD);

    /// <summary>The loss of every token [T] (fp32).</summary>
    /// <exception cref="ArgumentOutOfRangeException">A target is not in the vocabulary.</exception>
    /// <exception cref="ArgumentException">Shapes or types do not fit.</exception>
    public static Tensor Losses(Tensor x_TD, Tensor weight_VD, Tensor targets_T)
    {
        Call call = new(x_TD, weight_VD, targets_T);
        if (x_TD.dtype == ScalarType.BFloat16)
            Losses<Bfloat16Lanes>(call);
        else
            Losses<Float32Lanes>(call);
        call.KeepAlive();
        return call.Losses_T;
    }

    /// <summary>The loss of every token [T] (fp32) and the gradient of x [T, D]; adds the weight's gradient to
    /// <paramref name="gradWeight_VD"/>.</summary>
    /// <param name="x_TD">Inputs of the head; must be served.</param>
    /// <param name="weight_VD">The head, of the same type.</param>
    /// <param name="targets_T">Ids (int64).</param>
    /// <param name="scale">d(objective)/d(loss of one token).</param>
    /// <param name="gradWeight_VD">fp32; added to, or written.</param>
    /// <param name="overwrite">Whether the weight's gradient is written instead of added to.</param>
    /// <exception cref="ArgumentOutOfRangeException">A target is not in the vocabulary.</exception>
    /// <exception cref="ArgumentException">Shapes or types do not fit.</exception>
    public static (Tensor Losses, Tensor GradX) ForwardBackward(
        Tensor x_TD, Tensor weight_VD, Tensor targets_T, float scale, Tensor gradWeight_VD, bool overwrite)
    {
        TileMatrix gradWeight = TileMatrix.Of(gradWeight_VD, nameof(gradWeight_VD));
        Call call = new(x_TD, weight_VD, targets_T);
        if (gradWeight.DType != ScalarType.Float32 || gradWeight.Rows != call.Weight.Rows || gradWeight.Columns != call.Weight.Columns)
        {
            call.Losses_T.Dispose();
            throw new ArgumentException($"is not fp32 [{call.Weight.Rows}, {call.Weight.Columns}]", nameof(gradWeight_VD));
        }
        Tensor gradX_TD = empty(call.X.Rows, call.X.Columns, dtype: call.X.DType);
        TileMatrix gradX = TileMatrix.Of(gradX_TD, nameof(gradX_TD));
        if (x_TD.dtype == ScalarType.BFloat16)
            ForwardBackward<Bfloat16Lanes>(call, scale, gradWeight, overwrite, gradX);
        else
            ForwardBackward<Float32Lanes>(call, scale, gradWeight, overwrite, gradX);
        call.KeepAlive();
        GC.KeepAlive(gradWeight_VD);
        return (call.Losses_T, gradX_TD);
    }

    private static void Losses<TLanes>(Call call) where TLanes : struct, ILanes
    {
        using SoftmaxPanels softmax = PanelsFor<TLanes>(call);
        for (long begin = 0; begin < call.X.Rows; begin += softmax.Capacity)
            LossesOfChunk<TLanes>(call, softmax, begin, Math.Min(softmax.Capacity, call.X.Rows - begin), scale: 1);
    }

    private static void ForwardBackward<TLanes>(Call call, float scale, TileMatrix gradWeight, bool overwrite, TileMatrix gradX)
        where TLanes : struct, ILanes
    {
        using SoftmaxPanels softmax = PanelsFor<TLanes>(call);
        using PackedRows x = PackedRows.Of<TLanes>(call.X, BlockTokens);
        using PackedRows weight = PackedRows.Of<TLanes>(call.Weight, softmax.Width);
        for (long begin = 0; begin < call.X.Rows; begin += softmax.Capacity)
        {
            long tokens = Math.Min(softmax.Capacity, call.X.Rows - begin);
            LossesOfChunk<TLanes>(call, softmax, begin, tokens, scale);
            HeadGradients.OfWeight<TLanes>(
                softmax, tokens, call.Targets + begin, scale, x, begin / BlockTokens, gradWeight, overwrite && begin == 0);
            HeadGradients.OfInput<TLanes>(softmax, weight, gradX.Slice(begin, tokens));
        }
    }

    private static SoftmaxPanels PanelsFor<TLanes>(Call call) where TLanes : struct, ILanes
    {
        long width = PanelProduct.PanelWidth<TLanes>(call.X.Columns), vocabulary = call.Weight.Rows;
        long bytesOfToken = (vocabulary + width - 1) / width * width * TLanes.Size;
        long blocks = Math.Clamp(ChunkBytes / (bytesOfToken * BlockTokens), 1, (call.X.Rows + BlockTokens - 1) / BlockTokens);
        return new SoftmaxPanels(Math.Min(blocks * BlockTokens, call.X.Rows), vocabulary, width, call.X.DType);
    }

    private static void LossesOfChunk<TLanes>(Call call, SoftmaxPanels softmax, long begin, long tokens, float scale)
        where TLanes : struct, ILanes
    {
        PanelProduct.Run<TLanes, LogitSink<TLanes>>(
            call.X.Slice(begin, tokens), call.Weight, transposed: true, new(softmax, call.Targets + begin));
        TorchParallel.For(0, tokens, grain: 64, new FinishBody(softmax, scale, call.Losses + begin));
    }

    private readonly struct LogitSink<TLanes>(SoftmaxPanels softmax, long* targets) : ITileSink where TLanes : struct, ILanes
    {
        public void Take(float* tile, long row, long rows, long column, long columns) =>
            softmax.Exponentiate<TLanes>(tile, targets, row, rows, column, columns);
    }

    private readonly struct FinishBody(SoftmaxPanels softmax, float scale, float* losses) : IRangeBody
    {
        public void Invoke(long begin, long end) => softmax.Finish(begin, end, scale, losses);
    }

    /// <summary>The operands, checked, and the losses.</summary>
    private sealed class Call
    {
        private readonly Tensor x_TD, weight_VD, targets_T;

        public Call(Tensor x_TD, Tensor weight_VD, Tensor targets_T)
        {
            (this.x_TD, this.weight_VD, this.targets_T) = (x_TD, weight_VD, targets_T);
            (X, Weight) = (TileMatrix.Of(x_TD, nameof(x_TD)), TileMatrix.Of(weight_VD, nameof(weight_VD)));
            ReadOnlySpan<long> targets = TensorMemory.Span<long>(targets_T);
            if (targets.Length != X.Rows)
                throw new ArgumentException($"has {targets.Length} targets for {X.Rows} tokens", nameof(targets_T));
            foreach (long target in targets)
            {
                if ((ulong)target >= (ulong)Weight.Rows)
                    throw new ArgumentOutOfRangeException(nameof(targets_T), target, "A target is not in the vocabulary.");
            }
            Targets = TensorMemory.Pointer<long>(targets_T);
            Losses_T = empty(X.Rows, dtype: ScalarType.Float32);
            Losses = TensorMemory.Pointer<float>(Losses_T);
        }

        public TileMatrix X { get; }

        public TileMatrix Weight { get; }

        public long* Targets { get; }

        public Tensor Losses_T { get; }

        public float* Losses { get; }

        public void KeepAlive()
        {
            GC.KeepAlive(x_TD);
            GC.KeepAlive(weight_VD);
            GC.KeepAlive(targets_T);
        }
    }
}
