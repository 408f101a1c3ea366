using Mazij.Devices;

namespace Mazij.Cli;

/// <summary>Refuses models that this machine cannot hold, before anything is allocated.</summary>
internal static class MemoryCheck
{
    /// <summary>Compares what a model's tensors need with what this process may use; other devices than the CPU say it themselves.</summary>
    /// <param name="source">What asks for the memory, for the message.</param>
    /// <param name="bytes">Bytes needed.</param>
    /// <param name="device">Where.</param>
    /// <exception cref="InputException">It cannot fit.</exception>
    public static void Require(string source, long bytes, DeviceName device)
    {
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (device.IsCpu && bytes > available)
        {
            throw new InputException(
                $"{source}: the model's tensors need {Quantity.Bytes(bytes)}, this machine has {Quantity.Bytes(available)}; take a smaller model or another device");
        }
    }
}
