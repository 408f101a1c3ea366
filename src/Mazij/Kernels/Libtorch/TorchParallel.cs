using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Mazij.Kernels.Libtorch;

/// <summary>The body of a parallel loop: a struct, so that the loop allocates nothing and the call is direct.</summary>
internal interface IRangeBody
{
    /// <summary>Handles the indices from <paramref name="begin"/> up to but not including <paramref
    /// name="end"/>.</summary>
    void Invoke(long begin, long end);
}

/// <summary>
/// Loops on libtorch's own threads, so that our kernels and libtorch's do not fight over the cores. Inside such a loop,
/// libtorch's operators and further loops run on the one thread they are called from.
/// </summary>
/// <remarks>
/// The cut of the range depends on the number of threads: for results that do not, each index must be handled
/// independently of the cut.
/// </remarks>
internal static unsafe class TorchParallel
{
    /// <summary>How many threads libtorch computes with.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to less than 1.</exception>
    public static int Threads
    {
        get => TorchAbi.Threads();
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            TorchSharp.torch.set_num_threads(value);
        }
    }

    /// <summary>The number of the current thread inside a loop, from 0; 0 outside.</summary>
    public static int ThreadIndex
    {
        get
        {
            uint index;
            Shim.Check(Shim.GetThreadIndex(&index), "get_thread_idx");
            return (int)index;
        }
    }

    /// <summary>Cuts a range into pieces and hands each to a native function, on several threads; returns when all are
    /// done.</summary>
    /// <param name="begin">The first index.</param>
    /// <param name="end">The index after the last.</param>
    /// <param name="grain">No piece is smaller, except the last; at least 1.</param>
    /// <param name="body">Gets a piece's begin and end and the state; must not throw.</param>
    /// <param name="state">Handed to the body.</param>
    public static void For(
        long begin, long end, long grain, delegate* unmanaged[Cdecl]<long, long, void*, void> body, void* state)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(grain, 1);
        if (begin < end)
            Shim.Check(Shim.ParallelFor(begin, end, grain, body, state), "parallel_for");
    }

    /// <summary>
    /// Cuts a range into pieces and hands each to <paramref name="body"/>, on several threads; returns when all are
    /// done. If the body throws, the other pieces still run, and one of the exceptions is thrown here.
    /// </summary>
    /// <param name="begin">The first index.</param>
    /// <param name="end">The index after the last.</param>
    /// <param name="grain">No piece is smaller, except the last; at least 1.</param>
    /// <param name="body">Called from several threads at once, all with the same copy of the struct.</param>
    public static void For<T>(long begin, long end, long grain, T body) where T : struct, IRangeBody
    {
        // Locals of this frame, which outlives the loop; a stack does not move, so their addresses hold.
        Exception? failure = null;
        Job job = new()
        {
            Run = &RunBody<T>,
            Body = Unsafe.AsPointer(ref body),
            Failure = Unsafe.AsPointer(ref failure),
        };
        For(begin, end, grain, &Piece, &job);
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }

    /// <summary>As <see cref="For{T}(long, long, long, T)"/>, for code where one allocation does not matter.</summary>
    public static void For(long begin, long end, long grain, Action<long, long> body)
    {
        ArgumentNullException.ThrowIfNull(body);
        For(begin, end, grain, new ActionBody(body));
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Piece(long begin, long end, void* state)
    {
        Job* job = (Job*)state;
        try
        {
            job->Run(job->Body, begin, end);
        }
        catch (Exception e)
        {
            // An exception that crosses native frames ends the process.
            Interlocked.CompareExchange(ref Unsafe.AsRef<Exception?>(job->Failure), e, null);
        }
    }

    // Not optimised, so that the body stays a method of its own: compiled into this one, its loops run two to three times
    // slower, which the runtime's second compilation, with a profile, otherwise does after a second or so of training.
    [MethodImpl(MethodImplOptions.NoOptimization | MethodImplOptions.NoInlining)]
    private static void RunBody<T>(void* body, long begin, long end) where T : struct, IRangeBody =>
        Unsafe.AsRef<T>(body).Invoke(begin, end);

    private struct Job
    {
        public delegate*<void*, long, long, void> Run;
        public void* Body;
        public void* Failure;
    }

    private readonly struct ActionBody(Action<long, long> action) : IRangeBody
    {
        public void Invoke(long begin, long end) => action(begin, end);
    }
}
