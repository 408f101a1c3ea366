using System.Runtime.CompilerServices;
using Mazij.Kernels.Libtorch;
using static TorchSharp.torch;

namespace Mazij.Kernels.Simd;

/// <summary>
/// table[id_t] += rows[t] in fp32 for every t, the gradient of an embedding. The threads share out the columns, not the
/// tokens: each goes through all tokens in order, so nothing is added by two threads, and the order of additions, hence
/// the result, is always the same.
/// </summary>
internal static unsafe class ScatterAddRows
{
    /// <summary>Adds in place.</summary>
    /// <param name="table">[ids, width] fp32 on the CPU; added to.</param>
    /// <param name="ids">[tokens] int64, contiguous.</param>
    /// <param name="rows">[tokens, width], fp32 or bf16.</param>
    /// <param name="skipped">Tokens with this id add nothing; -1 for none.</param>
    public static void Into(Tensor table, Tensor ids, Tensor rows, long skipped)
    {
        Work work = new(table, ids, rows, skipped);
        long chunks = (work.Table.Width + ILanes.Width - 1) / ILanes.Width;
        if (work.Rows.DType == ScalarType.BFloat16)
            TorchParallel.For(0, chunks, 1, new Body<Bfloat16Lanes>(work));
        else
            TorchParallel.For(0, chunks, 1, new Body<Float32Lanes>(work));
    }

    private readonly struct Work
    {
        public readonly StridedRows Table, Rows;
        public readonly long* Ids;
        public readonly long Skipped;

        public Work(Tensor table, Tensor ids, Tensor rows, long skipped)
        {
            Table = StridedRows.Of(table, nameof(table));
            Rows = StridedRows.Of(rows, nameof(rows));
            ReadOnlySpan<long> numbers = TensorMemory.Span<long>(ids);
            Ids = TensorMemory.Pointer<long>(ids);
            Skipped = skipped;
            if (Table.DType != ScalarType.Float32 || Rows.Width != Table.Width || Rows.Count != numbers.Length)
                throw new ArgumentException("table, ids and rows do not fit together", nameof(rows));
            foreach (long id in numbers)
            {
                if ((ulong)id >= (ulong)Table.Count)
                    throw new ArgumentOutOfRangeException(nameof(ids), id, "The table has no such row.");
            }
        }
    }

    private readonly struct Body<TLanes>(Work work) : IRangeBody
        where TLanes : struct, ILanes
    {
        private readonly Work work = work;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(long begin, long end)
        {
            long first = begin * ILanes.Width, last = Math.Min(work.Table.Width, end * ILanes.Width);
            long whole = last - last % ILanes.Width;
            for (long token = 0; token < work.Rows.Count; token++)
            {
                long id = work.Ids[token];
                if (id == work.Skipped)
                    continue;
                void* to = work.Table.Row(id), from = work.Rows.Row(token);
                for (long j = first; j < whole; j += ILanes.Width)
                    Float32Lanes.Store(to, j, Float32Lanes.Load(to, j) + TLanes.Load(from, j));
                for (long j = whole; j < last; j++)
                    ((float*)to)[j] += TLanes.LoadOne(from, j);
            }
        }
    }
}
