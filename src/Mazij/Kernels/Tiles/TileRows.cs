using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Simd;

namespace Mazij.Kernels.Tiles;

/// <summary>Moves a finished fp32 tile into the rows it belongs to.</summary>
internal static unsafe class TileRows
{
    /// <summary>Rounds the tile to the type of the rows.</summary>
    /// <param name="tile">[count, columns], rows <paramref name="tileStride"/> apart.</param>
    /// <param name="tileStride">Distance of the tile's rows in numbers.</param>
    /// <param name="count">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="target">The first number written.</param>
    /// <param name="stride">Distance of the target's rows in numbers.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Store<TLanes>(float* tile, long tileStride, long count, long columns, void* target, long stride)
        where TLanes : struct, ILanes
    {
        for (long i = 0; i < count; i++)
        {
            float* from = tile + i * tileStride;
            byte* to = (byte*)target + i * stride * TLanes.Size;
            long j = 0;
            for (; j + ILanes.Width <= columns; j += ILanes.Width)
                TLanes.Store(to, j, Vector512.Load(from + j));
            for (; j < columns; j++)
                TLanes.StoreOne(to, j, from[j]);
        }
    }
}
