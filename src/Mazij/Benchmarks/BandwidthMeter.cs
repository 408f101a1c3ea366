using System.Diagnostics;
using Mazij.Kernels;
using static TorchSharp.torch;

namespace Mazij.Benchmarks;

/// <summary>How fast this machine moves memory right now, on the threads that are set: reading, or adding in place (which
/// reads two numbers and writes one), what no cache holds; whichever is faster.</summary>
internal static class BandwidthMeter
{
    private const long Numbers = 64L << 20;
    private const int Repeats = 3;

    /// <summary>Bytes read and written in a second; the fastest of three, as other programs can only slow one down.</summary>
    public static double Measure()
    {
        using IDisposable gradientsOff = no_grad();
        using Tensor source = zeros(Numbers, ScalarType.Float32), target = zeros(Numbers, ScalarType.Float32);
        double fastest = 0;
        for (int i = 0; i < Repeats; i++)
        {
            long start = Stopwatch.GetTimestamp();
            target.add_(source, Scalars.One);
            fastest = Math.Max(fastest, 3 * sizeof(float) * Numbers / Stopwatch.GetElapsedTime(start).TotalSeconds);
            start = Stopwatch.GetTimestamp();
            using Tensor sum = source.sum();
            fastest = Math.Max(fastest, sizeof(float) * Numbers / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return fastest;
    }
}
