using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;

namespace Mazij.Kernels.Tiles;

/// <summary>
/// out[t] = addend[t] + shared[t] + sum over k of rows[row of (t, k)], in fp32, in this order, rounded once: what the experts
/// made of a token comes together by gathering, so no two threads write one row.
/// </summary>
internal readonly unsafe struct CombineRows<TLanes>(
    byte* rows, long* rowOfPair, long perToken, byte* shared, byte* addend, byte* output, long width) : IRangeBody
    where TLanes : struct, ILanes
{
    private readonly byte* rows = rows, shared = shared, addend = addend, output = output;
    private readonly long* rowOfPair = rowOfPair;
    private readonly long perToken = perToken, width = width;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(long begin, long end)
    {
        long rowBytes = width * TLanes.Size;
        for (long token = begin; token < end; token++)
        {
            long* picked = rowOfPair + token * perToken;
            byte* to = output + token * rowBytes;
            byte* first = addend is null ? null : addend + token * rowBytes, second = shared is null ? null : shared + token * rowBytes;
            long j = 0;
            for (; j + ILanes.Width <= width; j += ILanes.Width)
            {
                Vector512<float> sum = first is null ? Vector512<float>.Zero : TLanes.Load(first, j);
                if (second is not null)
                    sum += TLanes.Load(second, j);
                for (long k = 0; k < perToken; k++)
                    sum += TLanes.Load(rows + picked[k] * rowBytes, j);
                TLanes.Store(to, j, sum);
            }
            for (; j < width; j++)
            {
                float sum = first is null ? 0 : TLanes.LoadOne(first, j);
                if (second is not null)
                    sum += TLanes.LoadOne(second, j);
                for (long k = 0; k < perToken; k++)
                    sum += TLanes.LoadOne(rows + picked[k] * rowBytes, j);
                TLanes.StoreOne(to, j, sum);
            }
        }
    }
}
