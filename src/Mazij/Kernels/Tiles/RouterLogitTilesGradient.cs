using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;
using static TorchSharp.torch;

namespace Mazij.Kernels.Tiles;

/// <summary>
/// Gradients of s = x G^T: dG [E, D] += ds^T x and dx [T, D] += ds G, in fp32, each number of dx rounded once. Blocks of 64
/// tokens go through the cache once for both.
/// </summary>
/// <remarks>The tokens are cut into pieces by their number and the size of G alone; each piece sums its own dG, and these
/// are added in order. So the result does not depend on the number of threads.</remarks>
internal static unsafe class RouterLogitTilesGradient
{
    private const long BlockTokens = 64, Columns = 512, Rows = 64;

    // The pieces' sums of dG: enough of them for many cores, few enough for the memory they take.
    private const long FewestPieces = 8, MostPieces = 32, MemoryOfPieces = 1 << 23;

    /// <summary>Adds both gradients.</summary>
    /// <param name="gradLogits_TE">ds, fp32, contiguous.</param>
    /// <param name="x_TD">fp32 or bf16, contiguous.</param>
    /// <param name="gate_ED">fp32, contiguous.</param>
    /// <param name="gradGate_ED">fp32, contiguous; added to.</param>
    /// <param name="gradX_TD">Of the type of x, numbers of a row side by side; added to.</param>
    public static void Backward(Tensor gradLogits_TE, Tensor x_TD, Tensor gate_ED, Tensor gradGate_ED, Tensor gradX_TD)
    {
        TensorFacts x = TensorFacts.Of(x_TD, nameof(x_TD)).WithDimensions(2).Contiguous();
        TensorFacts gate = TensorFacts.Of(gate_ED, nameof(gate_ED))
            .WithDimensions(2).WithSize(1, x.Sizes[1]).OfType(ScalarType.Float32).Contiguous();
        TensorFacts gradLogits = TensorFacts.Of(gradLogits_TE, nameof(gradLogits_TE)).WithDimensions(2)
            .WithSize(0, x.Sizes[0]).WithSize(1, gate.Sizes[0]).OfType(ScalarType.Float32).Contiguous();
        TensorFacts gradGate = TensorFacts.Of(gradGate_ED, nameof(gradGate_ED))
            .WithShapeOf(gate).OfType(ScalarType.Float32).Contiguous();
        _ = TensorFacts.Of(gradX_TD, nameof(gradX_TD)).WithShapeOf(x).LikeThatOf(x).Writable();
        Work work = new()
        {
            X = x.Data,
            Gate = (float*)gate.Data,
            GradLogits = (float*)gradLogits.Data,
            GradX = StridedRows.Of(gradX_TD, nameof(gradX_TD)),
            Tokens = x.Sizes[0],
            Dim = x.Sizes[1],
            Experts = gate.Sizes[0],
        };
        long blocks = (work.Tokens + BlockTokens - 1) / BlockTokens, numbers = work.Experts * work.Dim;
        if (blocks == 0 || numbers == 0)
            return;
        long most = Math.Clamp(MemoryOfPieces / (numbers * sizeof(float)), FewestPieces, MostPieces);
        work.PieceTokens = (blocks + most - 1) / most * BlockTokens;
        long pieces = (work.Tokens + work.PieceTokens - 1) / work.PieceTokens;
        using Tensor sums = empty(pieces, numbers, ScalarType.Float32);
        work.Sums = TensorMemory.Pointer<float>(sums);
        if (x.DType == ScalarType.BFloat16)
            TileJobs.Run(pieces, work.ScratchBytes, new Job<Bfloat16Lanes>(work));
        else
            TileJobs.Run(pieces, work.ScratchBytes, new Job<Float32Lanes>(work));
        const long grain = 4096;
        TorchParallel.For(0, numbers, grain, new Sum(work.Sums, pieces, numbers, (float*)gradGate.Data));
    }

    private struct Work
    {
        public void* X;
        public float* Gate, GradLogits, Sums;
        public StridedRows GradX;
        public long Tokens, Dim, Experts, PieceTokens;

        public readonly long TransposedBytes => TileScratch.Rounded(BlockTokens * Experts * sizeof(float));

        public readonly long ScratchBytes => TransposedBytes + 2 * TileScratch.Rounded(BlockTokens * Columns * sizeof(float));
    }

    private readonly struct Job<TLanes>(Work work) : ITileJob
        where TLanes : struct, ILanes
    {
        private readonly Work work = work;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(long index, ref TileScratch scratch)
        {
            float* transposed = (float*)scratch.Take(work.TransposedBytes);
            float* wide = (float*)scratch.Take(BlockTokens * Columns * sizeof(float));
            float* product = (float*)scratch.Take(BlockTokens * Columns * sizeof(float));
            float* sums = work.Sums + index * work.Experts * work.Dim;
            long first = index * work.PieceTokens, last = Math.Min(work.Tokens, first + work.PieceTokens);
            for (long begin = first; begin < last; begin += BlockTokens)
            {
                long count = Math.Min(BlockTokens, last - begin);
                float* gradLogits = work.GradLogits + begin * work.Experts;
                TilePacking.Left<Float32Lanes>(
                    new RowSource(gradLogits, work.Experts * sizeof(float), null), 0, count, 0, work.Experts, transposed, count);
                for (long column = 0; column < work.Dim; column += Columns)
                {
                    long columns = Math.Min(Columns, work.Dim - column);
                    AddToGate(transposed, begin, count, column, columns, wide, sums, accumulate: begin > first);
                    TileGemm.Multiply<Float32Lanes>(
                        count, columns, work.Experts, gradLogits, work.Experts, work.Gate + column, work.Dim,
                        product, columns, accumulate: false);
                    for (long row = 0; row < count; row++)
                        AddRow(work.GradX.Row(begin + row), column, product + row * columns, columns);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void AddToGate(
            float* transposed, long begin, long count, long column, long columns, float* wide, float* sums, bool accumulate)
        {
            void* x = (byte*)work.X + (begin * work.Dim + column) * TLanes.Size;
            long stride = work.Dim;
            if (TLanes.Size != sizeof(float))
            {
                WidenRows.Into<TLanes>(x, work.Dim, count, columns, wide);
                x = wide;
                stride = columns;
            }
            for (long row = 0; row < work.Experts; row += Rows)
            {
                TileGemm.Multiply<Float32Lanes>(
                    Math.Min(Rows, work.Experts - row), columns, count, transposed + row * count, count, x, stride,
                    sums + row * work.Dim + column, work.Dim, accumulate);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void AddRow(void* row, long column, float* addend, long columns)
        {
            long j = 0;
            for (; j + ILanes.Width <= columns; j += ILanes.Width)
                TLanes.Store(row, column + j, TLanes.Load(row, column + j) + Vector512.Load(addend + j));
            for (; j < columns; j++)
                TLanes.StoreOne(row, column + j, TLanes.LoadOne(row, column + j) + addend[j]);
        }
    }

    private readonly struct Sum(float* sums, long pieces, long numbers, float* total) : IRangeBody
    {
        public void Invoke(long begin, long end)
        {
            long j = begin;
            for (; j + ILanes.Width <= end; j += ILanes.Width)
            {
                Vector512<float> sum = Vector512.Load(sums + j);
                for (long piece = 1; piece < pieces; piece++)
                    sum += Vector512.Load(sums + piece * numbers + j);
                (Vector512.Load(total + j) + sum).Store(total + j);
            }
            for (; j < end; j++)
            {
                float sum = sums[j];
                for (long piece = 1; piece < pieces; piece++)
                    sum += sums[piece * numbers + j];
                total[j] += sum;
            }
        }
    }
}
