using System.Runtime.CompilerServices;

namespace Mazij.Kernels.Tiles;

/// <summary>Rows in memory, at equal distances or picked from such rows by an index.</summary>
/// <param name="data">The first row, or row 0 of what is picked from.</param>
/// <param name="rowBytes">Distance of the rows.</param>
/// <param name="index">Which row stands at each place; null if they stand as they are.</param>
internal readonly unsafe struct RowSource(void* data, long rowBytes, long* index)
{
    private readonly byte* data = (byte*)data;
    private readonly long rowBytes = rowBytes;
    private readonly long* index = index;

    /// <summary>The address of the row at a place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* Row(long place) => data + (index is null ? place : index[place]) * rowBytes;
}
