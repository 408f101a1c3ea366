using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using TorchSharp;

namespace Mazij.Devices.Profiles;

/// <summary>The profiles of this machine, in the cache folder: one for each device, number of threads and libtorch.</summary>
internal static class ProfileStore
{
    /// <summary>This machine as a run on a device would find it, with the threads that libtorch has now.</summary>
    public static ProfiledMachine ThisMachine(DeviceName device)
    {
        LibTorchInfo libtorch = LibTorch.Load();
        DeviceInfo cpu = CpuModel.Describe();
        // Virtual machines hide which processor they have; its instructions tell more. What is behind another device's name
        // libtorch does not say.
        return new ProfiledMachine(
            device.ToString(), string.Join(", ", cpu.Features.Prepend(cpu.Model)), cpu.Cores, torch.get_num_threads(), device.IsCpu ? cpu.MemoryBytes : null, libtorch.Version,
            RuntimeInformation.OSDescription);
    }

    /// <summary>Where a machine's profile is kept.</summary>
    public static string PathOf(ProfiledMachine machine)
    {
        string key = FormattableString.Invariant($"{machine.Device}|{machine.Model}|{machine.Threads}|{machine.Libtorch}");
        string hash = Convert.ToHexStringLower(XxHash64.Hash(Encoding.UTF8.GetBytes(key)));
        return Path.Combine(CacheFolder.Path, "profiles", $"{machine.Device.Replace(':', '-')}-{hash}.json");
    }

    /// <summary>The profile of a machine; null if there is none, or none that can be used.</summary>
    public static DeviceProfile? Find(ProfiledMachine machine)
    {
        string path = PathOf(machine);
        if (!File.Exists(path))
            return null;
        try
        {
            DeviceProfile profile = ProfileFile.Read(path);
            return machine.DifferenceTo(profile.Machine) is null ? profile : null;
        }
        catch (InputException)
        {
            // A cache may be lost at any time.
            return null;
        }
    }
}
