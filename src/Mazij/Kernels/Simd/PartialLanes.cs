using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Mazij.Kernels.Simd;

/// <summary>The end of a row that is no multiple of 16 numbers, handled as one vector whose other lanes hold a filler.</summary>
internal static unsafe class PartialLanes
{
    /// <summary>Up to 16 numbers from element <paramref name="index"/> on; lanes beyond <paramref name="count"/> hold the filler.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Vector512<float> Load<TLanes>(void* data, long index, long count, float filler)
        where TLanes : struct, ILanes
    {
        float* lanes = stackalloc float[ILanes.Width];
        for (int lane = 0; lane < ILanes.Width; lane++)
            lanes[lane] = lane < count ? TLanes.LoadOne(data, index + lane) : filler;
        return Vector512.Load(lanes);
    }

    /// <summary>Stores the first <paramref name="count"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Store<TLanes>(void* data, long index, long count, Vector512<float> values)
        where TLanes : struct, ILanes
    {
        float* lanes = stackalloc float[ILanes.Width];
        values.Store(lanes);
        for (int lane = 0; lane < count; lane++)
            TLanes.StoreOne(data, index + lane, lanes[lane]);
    }
}
