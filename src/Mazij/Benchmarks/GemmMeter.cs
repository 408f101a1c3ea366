using System.Diagnostics;
using Mazij.Devices;
using Mazij.Kernels.Libtorch;
using static TorchSharp.torch;

namespace Mazij.Benchmarks;

/// <summary>
/// How fast a device multiplies matrices right now: libtorch's product, on the threads that are set. The yardstick of a benchmark is
/// that of two matrices of 2048 x 2048, so of fixed size and measured in turn with it.
/// </summary>
internal static class GemmMeter
{
    private const long Size = 2048;
    private const int Rounds = 3;

    /// <summary>FLOP/s of the CPU, counting 2 n^3 for a product; the fastest of three, as other programs can only slow one down.</summary>
    /// <param name="type">Of the matrices.</param>
    public static double Measure(ScalarType type) => 2.0 * Size * Size * Size / Time(CPU, type, Size, Size, Size, repeats: 1);

    /// <summary>Seconds of one product; the fastest of three rounds.</summary>
    /// <param name="device">Where.</param>
    /// <param name="type">Of the matrices.</param>
    /// <param name="rows">m of [m, k] x [k, n].</param>
    /// <param name="columns">n.</param>
    /// <param name="depth">k.</param>
    /// <param name="repeats">Products in a round, for those that take less than a clock can tell; 0 finds out how many.</param>
    public static double Time(Device device, ScalarType type, long rows, long columns, long depth, int repeats)
    {
        using IDisposable gradientsOff = no_grad();
        using DeviceWait wait = new(device);
        // Freed at once: the memory counts in nobody's peak.
        using Tensor a = full([rows, depth], 0.5, type, device), b = full([depth, columns], 0.25, type, device), product = zeros([rows, columns], type, device);
        if (repeats == 0)
        {
            const double shortest = 3e-3;
            Round(1);
            repeats = (int)Math.Clamp(shortest / Round(1), 1, 2000);
        }
        double fastest = double.MaxValue;
        for (int i = 0; i < Rounds; i++)
            fastest = Math.Min(fastest, Round(repeats));
        return fastest;

        double Round(int products)
        {
            wait.Wait();
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < products; i++)
                Gemm.Mm(product, a, b);
            wait.Wait();
            return Stopwatch.GetElapsedTime(start).TotalSeconds / products;
        }
    }
}
