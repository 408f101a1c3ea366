using TorchSharp;

namespace Mazij.Devices;

/// <summary>One device of this machine.</summary>
/// <param name="Name">What to write for --device.</param>
/// <param name="Model">What it is, as the maker calls it; or the kind of device where libtorch does not say.</param>
/// <param name="Cores">How many processors this process may use; null for other devices than the CPU.</param>
/// <param name="MemoryBytes">How much memory this process may use there; null if it cannot be told.</param>
/// <param name="Features">What makes it fast, as "AVX-512" or "bf16 dot product"; empty if it cannot be told.</param>
public sealed record DeviceInfo(
    DeviceName Name, string Model, int? Cores, long? MemoryBytes, IReadOnlyList<string> Features);

/// <summary>The devices of this machine that the loaded libtorch can compute on.</summary>
/// <param name="LibTorch">The libtorch that was asked.</param>
/// <param name="Devices">The CPU first.</param>
public sealed record DeviceList(LibTorchInfo LibTorch, IReadOnlyList<DeviceInfo> Devices)
{
    private const int MostOfAKind = 64;

    /// <summary>Looks for devices, by putting a small tensor on each that may be there. Takes milliseconds.</summary>
    /// <param name="options">Which libtorch to load, if none is loaded yet.</param>
    /// <exception cref="InputException">libtorch cannot be loaded.</exception>
    public static DeviceList Find(LibTorchOptions? options = null)
    {
        LibTorchInfo libtorch = Mazij.Devices.LibTorch.Load(options);
        List<DeviceInfo> devices = [CpuModel.Describe()];
        Add(devices, 1, torch.cuda.is_available() ? torch.cuda.device_count() : 0, "CUDA or ROCm device");
        if (OperatingSystem.IsMacOS())
            Add(devices, 13, 1, "Apple GPU (Metal)");
        Add(devices, 12, MostOfAKind, "Intel GPU");
        Add(devices, 15, MostOfAKind, "Gaudi accelerator");
        string plugin = libtorch.Plugins.Count == 0
            ? "vendor backend"
            : string.Join(", ", libtorch.Plugins.Select(Path.GetFileName));
        Add(devices, 20, MostOfAKind, plugin);
        return new(libtorch, devices);
    }

    private static void Add(List<DeviceInfo> devices, int type, int most, string model)
    {
        for (int i = 0; i < most; i++)
        {
            DeviceName name = new(type, i);
            if (!name.TryOpen(out _, out _))
                return;
            devices.Add(new(name, model, null, null, []));
        }
    }
}
