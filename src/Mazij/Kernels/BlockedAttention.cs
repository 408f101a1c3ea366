using Mazij.Kernels.Simd;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

// Shapes: B batch, H query heads, G key/value heads, R = H / G, S sequence, W head_dim; N = B x G, M queries of one block.

/// <summary>
/// Causal attention on the CPU out of batched matrix products over blocks of queries, which run at the GEMM rate (libtorch's
/// own fused attention reaches a sixth of it). A block of queries meets only the keys up to its own end, so the masked half
/// is mostly skipped; the R query heads of a group stand below one another, so keys and values are not repeated. The
/// backward pass computes the probabilities again from the kept logsumexp:
/// P = exp(scale Q K^T - L), dV = P^T dO, dP = dO V^T, dS = scale P (dP - rowsum(P dP)), dQ = dS K, dK = dS^T Q.
/// </summary>
internal static class BlockedAttention
{
    private const long BlockQueries = 128;

    /// <summary>What the backward pass needs.</summary>
    public sealed class Tape(Tensor query, Tensor key_NSW, Tensor value_NSW, Tensor[] logSumExp) : IDisposable
    {
        internal Tensor Query { get; } = query;
        internal Tensor Key_NSW { get; } = key_NSW;
        internal Tensor Value_NSW { get; } = value_NSW;
        internal Tensor[] LogSumExp { get; } = logSumExp;

        /// <inheritdoc/>
        public void Dispose()
        {
            Query.Dispose();
            Key_NSW.Dispose();
            Value_NSW.Dispose();
            foreach (Tensor block in LogSumExp)
                block.Dispose();
        }
    }

    /// <summary>Context [B, H, S, W] (a view of memory laid out [B, S, H, W]).</summary>
    /// <param name="query">[B, H, S, W], any strides.</param>
    /// <param name="key">[B, G, S, W], any strides.</param>
    /// <param name="value">[B, G, S, W], any strides.</param>
    public static (Tensor Context, Tape Tape) Forward(Tensor query, Tensor key, Tensor value)
    {
        using DisposeScope scope = NewDisposeScope();
        Shape shape = new(query, key);
        Tensor key_NSW = key.reshape(shape.N, shape.S, shape.W), value_NSW = value.reshape(shape.N, shape.S, shape.W);
        Tensor context_BSHW = empty([shape.B, shape.S, shape.H, shape.W], query.dtype, query.device);
        Tensor[] logSumExp = new Tensor[(shape.S + BlockQueries - 1) / BlockQueries];
        for (int block = 0; block < logSumExp.Length; block++)
        {
            using DisposeScope inner = NewDisposeScope();
            (long first, long queries, long keys) = shape.Block(block);
            Tensor scores = shape.Gather(query, first, queries).bmm(key_NSW.narrow(1, 0, keys).transpose(1, 2));
            logSumExp[block] = empty(scores.shape[0] * scores.shape[1], ScalarType.Float32, query.device).DetachFromDisposeScope();
            AttentionRows.Softmax(scores, logSumExp[block], queries, first, shape.Scale);
            shape.Scatter(scores.bmm(value_NSW.narrow(1, 0, keys)), context_BSHW, first, queries);
        }
        Tape tape = new(query.alias().DetachFromDisposeScope(), key_NSW.DetachFromDisposeScope(), value_NSW.DetachFromDisposeScope(), logSumExp);
        return (context_BSHW.transpose(1, 2).MoveToOuterDisposeScope(), tape);
    }

    /// <summary>Gradients of query [B, H, S, W], key and value [B, G, S, W].</summary>
    public static (Tensor Query, Tensor Key, Tensor Value) Backward(Tensor gradContext, Tape tape)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor query = tape.Query, key_NSW = tape.Key_NSW, value_NSW = tape.Value_NSW;
        Shape shape = new(query, key_NSW);
        Tensor gradQuery_BSHW = empty([shape.B, shape.S, shape.H, shape.W], query.dtype, query.device);
        Tensor gradKey_NSW = zeros(key_NSW.shape, ScalarType.Float32, query.device);
        Tensor gradValue_NSW = zeros(value_NSW.shape, ScalarType.Float32, query.device);
        for (int block = 0; block < tape.LogSumExp.Length; block++)
        {
            using DisposeScope inner = NewDisposeScope();
            (long first, long queries, long keys) = shape.Block(block);
            Tensor key = key_NSW.narrow(1, 0, keys), value = value_NSW.narrow(1, 0, keys);
            Tensor query_NMW = shape.Gather(query, first, queries), grad_NMW = shape.Gather(gradContext, first, queries);
            Tensor probabilities = query_NMW.bmm(key.transpose(1, 2));
            Tensor gradScores = grad_NMW.bmm(value.transpose(1, 2));
            AttentionRows.SoftmaxGradient(probabilities, gradScores, tape.LogSumExp[block], queries, first, shape.Scale);
            Linear.Accumulate(gradValue_NSW.narrow(1, 0, keys), probabilities.transpose(1, 2).bmm(grad_NMW));
            Linear.Accumulate(gradKey_NSW.narrow(1, 0, keys), gradScores.transpose(1, 2).bmm(query_NMW));
            shape.Scatter(gradScores.bmm(key), gradQuery_BSHW, first, queries);
        }
        long[] keyShape = [shape.B, shape.N / shape.B, shape.S, shape.W];
        return (
            gradQuery_BSHW.transpose(1, 2).MoveToOuterDisposeScope(),
            gradKey_NSW.to(query.dtype).view(keyShape).MoveToOuterDisposeScope(),
            gradValue_NSW.to(query.dtype).view(keyShape).MoveToOuterDisposeScope());
    }

    private readonly struct Shape
    {
        public readonly long B, H, S, W, N;
        private readonly long groupHeads;

        /// <summary>From query [B, H, S, W] and a key whose leading sizes multiply to N.</summary>
        public Shape(Tensor query, Tensor key)
        {
            (B, H, S, W) = (query.shape[0], query.shape[1], query.shape[2], query.shape[3]);
            N = key.dim() == 4 ? B * key.shape[1] : key.shape[0];
            groupHeads = B * H / N;
        }

        public float Scale => 1f / MathF.Sqrt(W);

        public (long First, long Queries, long Keys) Block(int block)
        {
            long first = block * BlockQueries, end = Math.Min(S, first + BlockQueries);
            return (first, end - first, end);
        }

        /// <summary>Rows of a block, [N, R x M, W], from [B, H, S, W].</summary>
        public Tensor Gather(Tensor source, long first, long queries) =>
            source.narrow(2, first, queries).reshape(N, groupHeads * queries, W);

        /// <summary>Puts [N, R x M, W] into its rows of [B, S, H, W].</summary>
        public void Scatter(Tensor rows, Tensor target_BSHW, long first, long queries) =>
            target_BSHW.narrow(1, first, queries).copy_(rows.view(B, H, queries, W).transpose(1, 2));
    }
}
