using System.Runtime.CompilerServices;
using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;
using static TorchSharp.torch;

namespace Mazij.Kernels.Tiles;

/// <summary>
/// s = x G^T in fp32, x [T, D] in fp32 or bf16, G [E, D]. A piece of work is 32 tokens: their hidden states are widened to
/// fp32 a stretch of columns at a time, so that the copy stays in the cache and never exists as a whole, and each stretch is
/// multiplied and added to the piece's logits. Pieces are independent.
/// </summary>
internal static unsafe class RouterLogitTiles
{
    private const long BlockTokens = 32, Depth = 512, Columns = 256;

    /// <summary>Writes the logits.</summary>
    /// <param name="x_TD">fp32 or bf16, contiguous, on the CPU.</param>
    /// <param name="gate_ED">fp32, contiguous.</param>
    /// <param name="logits_TE">fp32, contiguous; written.</param>
    public static void Forward(Tensor x_TD, Tensor gate_ED, Tensor logits_TE)
    {
        TensorFacts x = TensorFacts.Of(x_TD, nameof(x_TD)).WithDimensions(2).Contiguous();
        long tokens = x.Sizes[0], dim = x.Sizes[1];
        TensorFacts gate = TensorFacts.Of(gate_ED, nameof(gate_ED))
            .WithDimensions(2).WithSize(1, dim).OfType(ScalarType.Float32).Contiguous();
        long experts = gate.Sizes[0];
        TensorFacts logits = TensorFacts.Of(logits_TE, nameof(logits_TE))
            .WithDimensions(2).WithSize(0, tokens).WithSize(1, experts).OfType(ScalarType.Float32).Contiguous();
        using Tensor packed_DE = empty(dim, experts, ScalarType.Float32);
        float* packed = TensorMemory.Pointer<float>(packed_DE);
        TilePacking.Transposed<Float32Lanes>(gate.Data, dim, experts, dim, packed, experts);
        Work work = new()
        {
            X = x.Data,
            Packed = packed,
            Logits = (float*)logits.Data,
            Tokens = tokens,
            Dim = dim,
            Experts = experts,
        };
        long blocks = (tokens + BlockTokens - 1) / BlockTokens;
        if (x.DType == ScalarType.BFloat16)
            TileJobs.Run(blocks, TileScratch.Rounded(BlockTokens * Depth * sizeof(float)), new Job<Bfloat16Lanes>(work));
        else
            TileJobs.Run(blocks, 0, new Job<Float32Lanes>(work));
    }

    private struct Work
    {
        public void* X;
        public float* Packed, Logits;
        public long Tokens, Dim, Experts;
    }

    private readonly struct Job<TLanes>(Work work) : ITileJob
        where TLanes : struct, ILanes
    {
        private readonly Work work = work;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(long index, ref TileScratch scratch)
        {
            long begin = index * BlockTokens, count = Math.Min(BlockTokens, work.Tokens - begin), dim = work.Dim;
            float* wide = TLanes.Size == sizeof(float) ? null : (float*)scratch.Take(BlockTokens * Depth * sizeof(float));
            float* logits = work.Logits + begin * work.Experts;
            for (long depth = 0; depth < dim; depth += Depth)
            {
                long length = Math.Min(Depth, dim - depth), stride = dim;
                void* from = (byte*)work.X + (begin * dim + depth) * TLanes.Size;
                if (TLanes.Size != sizeof(float))
                {
                    WidenRows.Into<TLanes>(from, dim, count, length, wide);
                    from = wide;
                    stride = length;
                }
                for (long column = 0; column < work.Experts; column += Columns)
                {
                    TileGemm.Multiply<Float32Lanes>(
                        count, Math.Min(Columns, work.Experts - column), length, from, stride,
                        work.Packed + depth * work.Experts + column, work.Experts, logits + column, work.Experts, depth > 0);
                }
            }
        }
    }
}
