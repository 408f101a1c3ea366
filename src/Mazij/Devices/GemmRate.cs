using System.Collections.Concurrent;
using System.Diagnostics;
using Mazij.Kernels.Libtorch;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Devices;

/// <summary>
/// How fast a device multiplies matrices, measured: the peak that model FLOPs utilisation (MFU) is a share of, and the
/// element type that trains faster.
/// </summary>
public static class GemmRate
{
    private const double Billion = 1e9;
    private static readonly ConcurrentDictionary<(DeviceType, int), Lazy<ScalarType>> faster = new();

    /// <summary>
    /// The rate of a product of two square matrices, of 2048 rows on a CPU and up to 8192 elsewhere, smaller if the
    /// budget does not allow that. The fastest of at least three: a peak, which other programs can only lower.
    /// </summary>
    /// <param name="device">Where.</param>
    /// <param name="type">The element type.</param>
    /// <param name="budget">About how long to measure; null: 0.2 seconds.</param>
    /// <returns>GFLOP/s, counting 2 n^3 for a product.</returns>
    /// <exception cref="System.Runtime.InteropServices.ExternalException">The device does not know this
    /// type.</exception>
    public static double Measure(Device device, ScalarType type, TimeSpan? budget = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        double seconds = (budget ?? TimeSpan.FromSeconds(0.2)).TotalSeconds;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(seconds, nameof(budget));
        using IDisposable noGrad = no_grad();
        using DisposeScope scope = NewDisposeScope();
        long start = Stopwatch.GetTimestamp();
        long largest = device.type == DeviceType.CPU ? 2048 : 8192, n = 256;
        double once = Time(device, type, n, 1);
        once = Time(device, type, n, 1); // The first set the threads and the library up.
        // A product eight times as large takes about eight times as long; it should run three times.
        while (n < largest && 8 * 3 * once < seconds - Stopwatch.GetElapsedTime(start).TotalSeconds)
        {
            n *= 2;
            once = Time(device, type, n, 1);
        }

        int repeats = (int)Math.Clamp(0.005 / once, 1, 1000);
        double fastest = Rate(n, 1, once);
        for (int i = 1; i < 3 || Stopwatch.GetElapsedTime(start).TotalSeconds + (once * repeats) < seconds; i++)
            fastest = Math.Max(fastest, Rate(n, repeats, Time(device, type, n, repeats)));
        return fastest;
    }

    /// <summary>
    /// Which of bf16 and fp32 multiplies matrices of the sizes that training has faster on this device. Measured once
    /// per process and device, for about a tenth of a second; a device without bf16 gets fp32.
    /// </summary>
    /// <param name="device">Where.</param>
    public static ScalarType FasterType(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return faster.GetOrAdd((device.type, device.index), _ => new(() => Compare(device))).Value;
    }

    private static ScalarType Compare(Device device)
    {
        using IDisposable noGrad = no_grad();
        using DisposeScope scope = NewDisposeScope();
        try
        {
            double[] ratios = new double[3];
            _ = TrainingProducts(device, ScalarType.BFloat16) + TrainingProducts(device, ScalarType.Float32);
            foreach (ref double ratio in ratios.AsSpan())
                ratio = TrainingProducts(device, ScalarType.BFloat16) / TrainingProducts(device, ScalarType.Float32);
            Array.Sort(ratios);
            // bf16 costs a rounded copy of the weights in every step: a small gain is none.
            return ratios[1] < 0.9 ? ScalarType.BFloat16 : ScalarType.Float32;
        }
        catch (Exception e) when (e is System.Runtime.InteropServices.ExternalException or InvalidOperationException)
        {
            return ScalarType.Float32;
        }
    }

    // A linear layer forward, and backward to its input and to its weight: y = x W^T, dx = dy W, dW = dy^T x.
    private static double TrainingProducts(Device device, ScalarType type)
    {
        const long tokens = 512, inputs = 512, outputs = 704;
        using Tensor x = full([tokens, inputs], 0.5, type, device), w = full([outputs, inputs], 0.5, type, device);
        using Tensor y = zeros([tokens, outputs], type, device), wT = w.t(), yT = y.t();
        using Tensor dx = zeros([tokens, inputs], type, device), dw = zeros([outputs, inputs], type, device);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < 2; i++)
        {
            Gemm.Mm(y, x, wT);
            Gemm.Mm(dx, y, w);
            Gemm.Mm(dw, yT, x);
        }
        Wait(dw);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double Rate(long n, int repeats, double seconds) => 2.0 * n * n * n * repeats / seconds / Billion;

    private static double Time(Device device, ScalarType type, long n, int repeats)
    {
        using Tensor a = full([n, n], 0.5, type, device), b = full([n, n], 0.5, type, device);
        using Tensor product = zeros([n, n], type, device);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < repeats; i++)
            Gemm.Mm(product, a, b);
        Wait(product);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    // Reading an element back waits for a device that works behind the caller's back, whatever its kind.
    private static void Wait(Tensor tensor)
    {
        if (tensor.device_type is DeviceType.CPU or DeviceType.META)
            return;
        using Tensor corner = tensor[0, 0];
        using Tensor here = corner.to(CPU);
    }
}
