using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Simd;

namespace Mazij.Kernels.Tiles;

/// <summary>Rounds finished tiles to the result's type.</summary>
/// <param name="target">Receives the product.</param>
internal readonly unsafe struct RoundingSink<TLanes>(TileMatrix target) : ITileSink
    where TLanes : struct, ILanes
{
    private readonly TileMatrix target = target;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Take(float* tile, long row, long rows, long column, long columns)
    {
        long whole = columns - columns % ILanes.Width;
        for (long i = row; i < row + rows; i++, tile += columns)
        {
            byte* to = (byte*)target.Data + (i * target.Stride + column) * TLanes.Size;
            for (long j = 0; j < whole; j += ILanes.Width)
                TLanes.Store(to, j, Vector512.Load(tile + j));
            for (long j = whole; j < columns; j++)
                TLanes.StoreOne(to, j, tile[j]);
        }
    }
}
