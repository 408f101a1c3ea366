using System.Diagnostics;
using Mazij.Devices;
using Mazij.Kernels;
using static TorchSharp.torch;

namespace Mazij.Benchmarks;

/// <summary>How a pass goes over memory.</summary>
internal enum MemoryPass
{
    /// <summary>Numbers are summed.</summary>
    Read,

    /// <summary>Numbers are added in place: two are read, one is written.</summary>
    Add,

    /// <summary>Numbers are copied.</summary>
    Copy,
}

/// <summary>How fast a device moves memory right now, on the threads that are set.</summary>
internal static class BandwidthMeter
{
    private const long Numbers = 64L << 20;
    private const int Repeats = 3;

    /// <summary>Bytes read and written in a second on the CPU, by summing or adding what no cache holds; whichever is faster.</summary>
    public static double Measure() =>
        Math.Max(Rate(MemoryPass.Add, Numbers), Rate(MemoryPass.Read, Numbers));

    /// <summary>Bytes read and written by a pass over so many numbers.</summary>
    public static long BytesOf(MemoryPass pass, long numbers) => sizeof(float) * numbers * (pass switch
    {
        MemoryPass.Read => 1,
        MemoryPass.Add => 3,
        _ => 2,
    });

    /// <summary>Seconds of a pass; the fastest of three, as other programs can only slow one down.</summary>
    /// <param name="device">Where.</param>
    /// <param name="pass">What is done.</param>
    /// <param name="numbers">fp32 numbers of an array.</param>
    public static double Time(Device device, MemoryPass pass, long numbers)
    {
        using IDisposable gradientsOff = no_grad();
        using DeviceWait wait = new(device);
        using Tensor source = zeros(numbers, ScalarType.Float32, device), target = zeros(numbers, ScalarType.Float32, device);
        double fastest = double.MaxValue;
        // The first pass is not counted: it sets the threads up.
        for (int i = 0; i <= Repeats; i++)
        {
            wait.Wait();
            long start = Stopwatch.GetTimestamp();
            Run();
            wait.Wait();
            fastest = i == 0 ? fastest : Math.Min(fastest, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return fastest;

        void Run()
        {
            switch (pass)
            {
                case MemoryPass.Read:
                    source.sum().Dispose();
                    break;
                case MemoryPass.Add:
                    target.add_(source, Scalars.One);
                    break;
                default:
                    target.copy_(source);
                    break;
            }
        }
    }

    private static double Rate(MemoryPass pass, long numbers) => BytesOf(pass, numbers) / Time(CPU, pass, numbers);
}
