using System.Runtime.InteropServices;

namespace Mazij.Devices;

/// <summary>Loads one native library, or says in one line why not.</summary>
internal static class NativeLoading
{
    /// <summary>Loads the library at <paramref name="path"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="remedy">What to do if it cannot be loaded; ends the message.</param>
    /// <exception cref="InputException">It is missing, for another processor, or asks for what is not
    /// there.</exception>
    public static nint Load(string path, string remedy)
    {
        if (!File.Exists(path))
            throw new InputException($"{path}: no such file; {remedy}");
        CheckProcessor(path, remedy);
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            string essence = Essence(e.Message, path);
            string hint = essence.Contains("cannot open shared object file", StringComparison.Ordinal)
                ? "install that library or put its folder on LD_LIBRARY_PATH, or else "
                : "";
            throw new InputException($"{path} cannot be loaded: {essence}; {hint}{remedy}", e);
        }
    }

    /// <summary>The loader's own words in a runtime's message of several lines.</summary>
    internal static string Essence(string message, string path)
    {
        string[] lines = message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string last = lines.Length == 0 ? "unknown reason" : lines[^1];
        return last.StartsWith(path + ": ", StringComparison.Ordinal) ? last[(path.Length + 2)..] : last;
    }

    private static void CheckProcessor(string path, string remedy)
    {
        Span<byte> header = stackalloc byte[20];
        using (FileStream file = File.OpenRead(path))
        {
            if (file.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length)
                throw new InputException($"{path} is cut off: {file.Length} bytes; {remedy}");
        }
        if (!header[..4].SequenceEqual("\u007fELF"u8))
            return; // Not ELF: on Windows and macOS the system's loader judges; on Linux it says "invalid ELF header".
        int machine = header[18] | (header[19] << 8);
        int own = RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => 62,
            Architecture.Arm64 => 183,
            _ => machine,
        };
        if (machine != own)
        {
            string name = machine switch
            {
                62 => "x64",
                183 => "arm64",
                243 => "riscv64",
                258 => "loongarch64",
                _ => $"ELF machine {machine}",
            };
            throw new InputException($"{path} is for {name}, this process is {NativeFolders.Platform}; {remedy}");
        }
    }
}
