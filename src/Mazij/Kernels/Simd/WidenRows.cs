using System.Runtime.CompilerServices;

namespace Mazij.Kernels.Simd;

/// <summary>Copies a block of rows of one format into fp32.</summary>
internal static unsafe class WidenRows
{
    /// <summary>to[i, j] = from[i, j].</summary>
    /// <param name="from">The first number.</param>
    /// <param name="stride">Distance of the source's rows in numbers.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Numbers of a row.</param>
    /// <param name="to">Written: rows x columns numbers, row after row.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Into<TLanes>(void* from, long stride, long rows, long columns, float* to)
        where TLanes : struct, ILanes
    {
        for (long row = 0; row < rows; row++, to += columns)
        {
            void* source = (byte*)from + row * stride * TLanes.Size;
            long j = 0;
            for (; j + ILanes.Width <= columns; j += ILanes.Width)
                Float32Lanes.Store(to, j, TLanes.Load(source, j));
            for (; j < columns; j++)
                to[j] = TLanes.LoadOne(source, j);
        }
    }
}
