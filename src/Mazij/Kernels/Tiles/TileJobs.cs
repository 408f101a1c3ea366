using System.Runtime.InteropServices;
using Mazij.Kernels.Libtorch;

namespace Mazij.Kernels.Tiles;

/// <summary>Independent pieces of work, each done wholly by one thread with memory of its own.</summary>
internal interface ITileJob
{
    /// <summary>Does piece <paramref name="index"/>.</summary>
    /// <param name="index">From 0.</param>
    /// <param name="scratch">This thread's memory; its content does not outlive the call.</param>
    void Invoke(long index, ref TileScratch scratch);
}

/// <summary>
/// Runs jobs on libtorch's threads, each thread taking the next piece when it is done with its last, because experts have
/// unequal loads. Which thread does a piece must not matter to the result; then neither does the number of threads.
/// </summary>
internal static unsafe class TileJobs
{
    /// <summary>Runs pieces 0 to <paramref name="count"/> - 1; large pieces should come first.</summary>
    /// <param name="count">Pieces.</param>
    /// <param name="scratchBytes">Memory that a thread needs for one piece, the sum of its <see cref="TileScratch.Take"/>s.</param>
    /// <param name="job">The work.</param>
    public static void Run<TJob>(long count, long scratchBytes, TJob job) where TJob : struct, ITileJob
    {
        long next = -1;
        int workers = (int)Math.Min(count, TorchParallel.Threads);
        TorchParallel.For(0, workers, 1, new Worker<TJob>(job, &next, count, scratchBytes));
    }

    private readonly struct Worker<TJob>(TJob job, long* next, long count, long scratchBytes) : IRangeBody
        where TJob : struct, ITileJob
    {
        private readonly TJob job = job;

        public void Invoke(long begin, long end)
        {
            byte* memory = NativeMemoryBlock.OfThread(scratchBytes);
            for (long index; (index = Interlocked.Increment(ref *next)) < count;)
            {
                TileScratch scratch = new(memory, scratchBytes);
                job.Invoke(index, ref scratch);
            }
        }
    }
}

/// <summary>Memory handed out piece by piece, each on a cache line of its own.</summary>
internal unsafe struct TileScratch(byte* memory, long bytes)
{
    private const long Line = 64;
    private byte* next = memory;
    private readonly byte* end = memory + bytes;

    /// <summary>What <see cref="Take"/> uses up for so many bytes.</summary>
    public static long Rounded(long bytes) => (bytes + Line - 1) / Line * Line;

    /// <summary>Memory of at least <paramref name="bytes"/>; its content is anything.</summary>
    public byte* Take(long bytes)
    {
        byte* taken = next;
        next += Rounded(bytes);
        return next <= end ? taken : throw new InvalidOperationException("a piece of work takes more memory than was asked for");
    }
}

/// <summary>A block of native memory that belongs to a thread and grows as needed, so that kernels allocate nothing.</summary>
internal sealed unsafe class NativeMemoryBlock
{
    private const nuint Page = 4096;

    [ThreadStatic]
    private static NativeMemoryBlock? ofThread, ofCall;

    private byte* memory;
    private long size;

    ~NativeMemoryBlock() => NativeMemory.AlignedFree(memory);

    /// <summary>The calling thread's block, at least that large; the next call on the thread may return the same.</summary>
    public static byte* OfThread(long bytes) => Grown(ref ofThread, bytes);

    /// <summary>A second block, for what the pieces of one call hand to one another: large tensors that come and go would
    /// leave holes in the heap that nothing fits.</summary>
    public static byte* OfCall(long bytes) => Grown(ref ofCall, bytes);

    private static byte* Grown(ref NativeMemoryBlock? slot, long bytes)
    {
        NativeMemoryBlock block = slot ??= new NativeMemoryBlock();
        if (block.size < bytes)
        {
            NativeMemory.AlignedFree(block.memory);
            block.memory = null;
            block.size = 0;
            block.memory = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, Page);
            block.size = bytes;
        }
        return block.memory;
    }

    /// <summary>Fills with zeros.</summary>
    public static void Clear(void* start, long bytes) => NativeMemory.Clear(start, (nuint)bytes);
}
