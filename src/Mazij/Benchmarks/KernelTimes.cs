using Mazij.Kernels;

namespace Mazij.Benchmarks;

/// <summary>The seconds of one step that <see cref="KernelClock"/> booked, by kernel and direction.</summary>
internal sealed class KernelTimes
{
    private static readonly KernelName[] kernels = Enum.GetValues<KernelName>();
    private readonly double[] seconds = new double[2 * kernels.Length];

    /// <summary>All kernels, in both directions.</summary>
    public static IEnumerable<(KernelName Kernel, bool Backward)> All =>
        kernels.SelectMany(kernel => new[] { (kernel, false), (kernel, true) });

    /// <summary>Seconds of a kernel; 0 where nothing was booked.</summary>
    public double this[KernelName kernel, bool backward] => seconds[Slot(kernel, backward)];

    /// <summary>What the clock has booked since it was started.</summary>
    public static KernelTimes Read()
    {
        KernelTimes times = new();
        foreach ((KernelName kernel, bool backward) in All)
            times.seconds[Slot(kernel, backward)] = KernelClock.Seconds(kernel, backward);
        return times;
    }

    private static int Slot(KernelName kernel, bool backward) => 2 * (int)kernel + (backward ? 1 : 0);
}
