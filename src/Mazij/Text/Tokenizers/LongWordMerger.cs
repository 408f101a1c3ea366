using System.Buffers;

namespace Mazij.Text.Tokenizers;

/// <summary>
/// Merges one long word in O(n log n): the tokens form a linked list, the pairs that merge a binary heap ordered by
/// rank,
/// then position. An entry whose pair has changed in the meantime is dropped when it comes up.
/// </summary>
internal ref struct LongWordMerger
{
    private const int Dead = -1;

    private readonly MergeTable merges;
    private readonly Span<int> ids;
    private readonly Span<int> previous;
    private readonly Span<int> following;
    private readonly Span<ulong> heap;
    private int heapCount;

    private LongWordMerger(MergeTable merges, Span<int> ids, Span<int> previous, Span<int> following, Span<ulong> heap)
    {
        this.merges = merges;
        this.ids = ids;
        this.previous = previous;
        this.following = following;
        this.heap = heap;
    }

    /// <summary>Merges <paramref name="ids"/> in place and returns how many are left.</summary>
    public static int Merge(MergeTable merges, Span<int> ids)
    {
        int count = ids.Length;
        int[] links = ArrayPool<int>.Shared.Rent(2 * count);
        // Every merge removes one entry and adds at most two, and there are fewer than count merges.
        ulong[] heap = ArrayPool<ulong>.Shared.Rent(2 * count);
        try
        {
            return new LongWordMerger(merges, ids, links.AsSpan(0, count), links.AsSpan(count, count), heap).Run();
        }
        finally
        {
            ArrayPool<int>.Shared.Return(links);
            ArrayPool<ulong>.Shared.Return(heap);
        }
    }

    private int Run()
    {
        int count = ids.Length;
        for (int i = 0; i < count; i++)
        {
            previous[i] = i - 1;
            following[i] = i + 1;
            if (i + 1 < count)
                Push(i);
        }
        while (heapCount > 0)
        {
            ulong top = Pop();
            int at = (int)(uint)top;
            if (ids[at] == Dead || following[at] >= count)
                continue;
            int right = following[at];
            if (merges.Rank(ids[at], ids[right], out int result) != (uint)(top >> 32))
                continue;
            ids[at] = result;
            ids[right] = Dead;
            following[at] = following[right];
            if (following[at] < count)
            {
                previous[following[at]] = at;
                Push(at);
            }
            if (previous[at] >= 0)
                Push(previous[at]);
        }
        int left = 0;
        for (int i = 0; i < count; i = following[i])
            ids[left++] = ids[i];
        return left;
    }

    private void Push(int at)
    {
        uint rank = merges.Rank(ids[at], ids[following[at]], out _);
        if (rank == MergeTable.NoMerge)
            return;
        ulong entry = ((ulong)rank << 32) | (uint)at;
        int hole = heapCount++;
        while (hole > 0 && heap[(hole - 1) >> 1] > entry)
        {
            heap[hole] = heap[(hole - 1) >> 1];
            hole = (hole - 1) >> 1;
        }
        heap[hole] = entry;
    }

    private ulong Pop()
    {
        ulong top = heap[0];
        ulong entry = heap[--heapCount];
        int hole = 0;
        for (int child = 1; child < heapCount; child = 2 * hole + 1)
        {
            if (child + 1 < heapCount && heap[child + 1] < heap[child])
                child++;
            if (heap[child] >= entry)
                break;
            heap[hole] = heap[child];
            hole = child;
        }
        heap[hole] = entry;
        return top;
    }
}
