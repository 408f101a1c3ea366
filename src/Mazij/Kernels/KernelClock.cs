using System.Diagnostics;

namespace Mazij.Kernels;

/// <summary>What a kernel's time is booked under.</summary>
internal enum KernelName
{
    /// <summary>Rows of the embedding, and their gradient.</summary>
    Embedding,

    /// <summary>RMSNorm with the residual addition.</summary>
    Norm,

    /// <summary>The projections around attention.</summary>
    Projection,

    /// <summary>QK-norm, rotation and attention.</summary>
    Attention,

    /// <summary>Scores, choice, weights, auxiliary losses.</summary>
    Router,

    /// <summary>The order of rows by expert.</summary>
    Permutation,

    /// <summary>Routed and shared experts, or a dense MLP.</summary>
    Experts,

    /// <summary>The head and cross-entropy.</summary>
    Head,

    /// <summary>The norm of the gradients, and clipping.</summary>
    Clipping,

    /// <summary>AdamW and the compute copy of the weights.</summary>
    Optimizer,
}

/// <summary>
/// Adds up how long each kernel takes on the thread that calls it, when somebody wants to know; otherwise it costs a test of
/// one flag. Kernels do not nest. One step at a time may be measured in a process.
/// </summary>
internal static class KernelClock
{
    private static readonly long[] ticks = new long[Enum.GetValues<KernelName>().Length * 2];
    private static bool running;
    private static Action? wait;

    /// <summary>Whether times are being added up. Turning it on starts at zero.</summary>
    public static bool Running
    {
        get => running;
        set
        {
            if (value)
                Array.Clear(ticks);
            running = value;
        }
    }

    /// <summary>Turns the clock on for a device that works behind the caller's back.</summary>
    /// <param name="untilDone">Waits for the device, before and after each kernel.</param>
    public static void Start(Action untilDone)
    {
        wait = untilDone;
        Running = true;
    }

    /// <summary>Turns the clock off.</summary>
    public static void Stop()
    {
        Running = false;
        wait = null;
    }

    /// <summary>Times from here to the disposal of the result.</summary>
    /// <param name="kernel">What is timed.</param>
    /// <param name="backward">Whether it is the kernel's backward pass.</param>
    public static Span Time(KernelName kernel, bool backward = false)
    {
        if (!running)
            return default;
        wait?.Invoke();
        return new Span((int)kernel * 2 + (backward ? 1 : 0), Stopwatch.GetTimestamp());
    }

    /// <summary>Seconds since <see cref="Running"/> was turned on.</summary>
    public static double Seconds(KernelName kernel, bool backward) =>
        ticks[(int)kernel * 2 + (backward ? 1 : 0)] / (double)Stopwatch.Frequency;

    /// <summary>A running measurement.</summary>
    internal readonly struct Span(int slot, long start) : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose()
        {
            if (start == 0)
                return;
            wait?.Invoke();
            ticks[slot] += Stopwatch.GetTimestamp() - start;
        }
    }
}
