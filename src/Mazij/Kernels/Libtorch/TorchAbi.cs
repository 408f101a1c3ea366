using System.Runtime.InteropServices;

namespace Mazij.Kernels.Libtorch;

/// <summary>The loaded libtorch_cpu, whose exported C functions the rest of this folder calls.</summary>
internal static unsafe class TorchAbi
{
    /// <summary>The version whose calling conventions this folder follows, and which TorchSharp is built for.</summary>
    public const int Major = 2, Minor = 10;

    private static nint library;

    /// <summary>Remembers the loaded library after checking its version.</summary>
    /// <param name="torchCpu">The handle of libtorch_cpu.</param>
    /// <param name="folder">Where it came from, for the message.</param>
    /// <returns>The version as "2.10.0".</returns>
    /// <exception cref="InputException">It is another version.</exception>
    public static string Bind(nint torchCpu, string folder)
    {
        string version = "older than 2.6";
        if (NativeLibrary.TryGetExport(torchCpu, "aoti_torch_abi_version", out nint entry))
        {
            // Major in the top byte, minor in the next, patch in the third (torch/headeronly/version.h).
            ulong packed = ((delegate* unmanaged[Cdecl]<ulong>)entry)();
            int major = (int)(packed >> 56), minor = (int)(packed >> 48) & 0xff, patch = (int)(packed >> 40) & 0xff;
            version = $"{major}.{minor}.{patch}";
            if ((major, minor) == (Major, Minor))
            {
                library = torchCpu;
                return version;
            }
        }
        throw new InputException(
            $"libtorch in {folder} is version {version}, TorchSharp needs {Major}.{Minor}; "
            + "name a folder with that version by --libtorch DIR or MAZIJ_LIBTORCH");
    }

    /// <summary>The address of an exported function; loads libtorch if that has not happened yet.</summary>
    /// <exception cref="InvalidOperationException">This libtorch has no such function.</exception>
    public static nint Export(string name)
    {
        if (library == 0)
            Devices.LibTorch.Load();
        return NativeLibrary.TryGetExport(library, name, out nint entry)
            ? entry
            : throw new InvalidOperationException($"this libtorch has no {name}");
    }

    /// <summary>The address of an exported function that a build may lack; loads libtorch if that has not happened yet.</summary>
    public static bool TryExport(string name, out nint entry)
    {
        if (library == 0)
            Devices.LibTorch.Load();
        return NativeLibrary.TryGetExport(library, name, out entry);
    }

    /// <summary>The instruction set libtorch's own kernels use, as "AVX512"; null if this build does not say.</summary>
    public static string? CpuCapability()
    {
        // std::string at::get_cpu_capability(). A returned string is built where a hidden first argument points
        // (System V ABI of x86-64; elsewhere that pointer travels differently); the mangled name says that it is
        // libstdc++'s string: the address and length of the text, then 16 bytes for a text as short as these.
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64
            || !NativeLibrary.TryGetExport(library, "_ZN2at18get_cpu_capabilityB5cxx11Ev", out nint entry))
        {
            return null;
        }
        nint* text = stackalloc nint[4];
        ((delegate* unmanaged[Cdecl]<nint*, nint*>)entry)(text);
        return Marshal.PtrToStringUTF8(text[0], (int)text[1]);
    }

    /// <summary>How many threads libtorch computes with.</summary>
    public static int Threads()
    {
        uint threads = 0;
        int code = ((delegate* unmanaged[Cdecl]<uint*, int>)Export("torch_get_num_threads"))(&threads);
        return code == 0 ? (int)threads : throw new InvalidOperationException("torch_get_num_threads failed");
    }
}
