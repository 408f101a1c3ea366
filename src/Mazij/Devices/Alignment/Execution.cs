using System.Globalization;
using Mazij.Configuration;
using static TorchSharp.torch;

namespace Mazij.Devices.Alignment;

/// <summary>A way of computing: where, in which number format, by which kernels, on how many threads.</summary>
/// <param name="Device">The device.</param>
/// <param name="Type">The compute dtype, fp32 or bf16.</param>
/// <param name="Portable">Whether libtorch's plain operators compute on the CPU too, as they do on every other device.</param>
/// <param name="Threads">CPU threads; 0 for all cores.</param>
internal sealed record Execution(DeviceName Device, ScalarType Type, bool Portable, int Threads)
{
    private const string Fp32 = "fp32", Bf16 = "bf16", Simd = "simd", PortableName = "portable", ThreadsKey = "threads=";
    private const int MostThreads = 4096;

    private static readonly string[] names =
        ["cpu", "cuda:0", "rocm:0", "mps", "xpu:0", "npu:0", "musa:0", "mlu:0", Fp32, Bf16, Simd, PortableName, ThreadsKey + "1"];

    /// <summary>Reads what comes after --a and --b: a device, then in any order what differs from fp32, simd and all cores.</summary>
    /// <param name="text">For example cpu,bf16,portable,threads=2.</param>
    /// <exception cref="InputException">A part is not known, or two say the same thing; names the nearest.</exception>
    public static Execution Parse(string text)
    {
        DeviceName? device = null;
        ScalarType? type = null;
        bool? portable = null;
        int? threads = null;
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            switch (part)
            {
                case Fp32 or Bf16:
                    type = Once(type, part == Bf16 ? ScalarType.BFloat16 : ScalarType.Float32, text, "dtype");
                    break;
                case Simd or PortableName:
                    portable = Once(portable, part == PortableName, text, "kernels");
                    break;
                case var _ when part.StartsWith(ThreadsKey, StringComparison.Ordinal):
                    threads = Once(threads, ThreadsOf(part, text), text, "threads");
                    break;
                default:
                    device = Once(device, DeviceOf(part, text), text, "device");
                    break;
            }
        }
        DeviceName where = device ?? DeviceName.Cpu;
        if (portable == false && !where.IsCpu)
            throw Wrong(text, $"{where} has no {Simd} kernels, which are for the cpu; leave {Simd} out");
        return new Execution(where, type ?? ScalarType.Float32, portable ?? !where.IsCpu, threads ?? 0);
    }

    /// <summary>The number format as it is written.</summary>
    public string Dtype => Type == ScalarType.BFloat16 ? Bf16 : Fp32;

    /// <summary>The kernels as they are written.</summary>
    public string Kernels => Portable ? PortableName : Simd;

    /// <summary>The execution as <see cref="Parse"/> reads it.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Device},{Dtype},{Kernels}{(Threads > 0 ? $",{ThreadsKey}{Threads}" : "")}");

    /// <summary>Threads that are really used.</summary>
    public int ResolvedThreads => Threads > 0 ? Threads : Environment.ProcessorCount;

    private static T Once<T>(T? before, T value, string text, string what)
        where T : struct => before is null ? value : throw Wrong(text, $"names two {what}; keep one");

    private static int ThreadsOf(string part, string text) =>
        int.TryParse(part[ThreadsKey.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count is > 0 and <= MostThreads
            ? count
            : throw Wrong(text, $"{MessageText.Quote(part)}: {ThreadsKey}N needs a number from 1 to {MostThreads}");

    private static DeviceName DeviceOf(string part, string text)
    {
        try
        {
            return DeviceName.Parse(part);
        }
        catch (InputException error)
        {
            // A mistyped dtype or kernel looks like a device too.
            if (NearestName.Find(part, names) is string near && !DeviceKind(near))
                throw Wrong(text, $"{MessageText.Quote(part)} is not known; did you mean {near}?");
            throw Wrong(text, $"{error.Message} (an execution is DEVICE, {Fp32} or {Bf16}, {Simd} or {PortableName}, {ThreadsKey}N)");
        }
    }

    private static bool DeviceKind(string name) => name is not (Fp32 or Bf16 or Simd or PortableName) && !name.StartsWith(ThreadsKey, StringComparison.Ordinal);

    private static InputException Wrong(string text, string problem) => new($"execution {MessageText.Quote(text)}: {problem}");
}
