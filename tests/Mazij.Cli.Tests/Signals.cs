using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Mazij.Cli.Tests;

/// <summary>Signals to the processes that tests start.</summary>
internal static partial class Signals
{
    /// <summary>The number of a signal, the same on every Unix.</summary>
    public const int HangUp = 1, Interrupt = 2, Kill = 9, Terminate = 15;

    private const nint Default = 0;

    /// <summary>Whether this system has them.</summary>
    public static bool Exist => !OperatingSystem.IsWindows();

    /// <summary>Sends a signal.</summary>
    public static void Send(Process process, int signal) => Assert.Equal(0, SendTo(process.Id, signal));

    /// <summary>
    /// Ends that this process ignores Ctrl-C, as it does when a shell starts it in the background, or the end of its terminal,
    /// as under nohup. The processes that tests start would inherit it, and whoever interrupts them would wait for ever.
    /// </summary>
    [ModuleInitializer]
    internal static void TakeDefaults()
    {
        const string key = "SigIgn:";
        if (!OperatingSystem.IsLinux())
            return;
        string line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(key, StringComparison.Ordinal));
        ulong ignored = ulong.Parse(line.AsSpan(key.Length).Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        foreach (int signal in (ReadOnlySpan<int>)[HangUp, Interrupt])
        {
            if ((ignored >> (signal - 1) & 1) != 0)
                _ = Handle(signal, Default);
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendTo(int process, int signal);

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Handle(int signal, nint handler);
}
