using System.Diagnostics;
using Mazij.Kernels.Libtorch;
using static TorchSharp.torch;

namespace Mazij.Benchmarks;

/// <summary>
/// How fast this machine multiplies matrices right now: libtorch's product of two of 2048 x 2048, on the threads that are
/// set. The yardstick of a benchmark, so of fixed size and measured in turn with it.
/// </summary>
internal static class GemmMeter
{
    private const long Size = 2048;
    private const int Products = 3;

    /// <summary>FLOP/s, counting 2 n^3 for a product; the fastest of three, as other programs can only slow one down.</summary>
    /// <param name="type">Of the matrices.</param>
    public static double Measure(ScalarType type)
    {
        using IDisposable gradientsOff = no_grad();
        // Freed at once: the memory counts in nobody's peak.
        using Tensor a = full([Size, Size], 0.5, type), b = full([Size, Size], 0.25, type), product = zeros([Size, Size], type);
        TimeSpan fastest = TimeSpan.MaxValue;
        for (int i = 0; i < Products; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Gemm.Mm(product, a, b);
            TimeSpan time = Stopwatch.GetElapsedTime(start);
            fastest = time < fastest ? time : fastest;
        }
        return 2.0 * Size * Size * Size / fastest.TotalSeconds;
    }
}
