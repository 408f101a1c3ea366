using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Devices;

/// <summary>Waits until a device has done what it was asked to: most work behind the caller's back. Reading a number back waits,
/// whatever the device.</summary>
internal sealed class DeviceWait : IDisposable
{
    private readonly Tensor? marker;

    /// <summary>Prepares to wait.</summary>
    /// <param name="device">For what; the CPU needs no waiting.</param>
    public DeviceWait(Device device)
    {
        if (device.type is not (DeviceType.CPU or DeviceType.META))
            marker = ones(1, ScalarType.Float32, device).DetachFromDisposeScope();
    }

    /// <summary>Returns when all work is done.</summary>
    public void Wait()
    {
        if (marker is null)
            return;
        using Tensor here = marker.to(CPU);
    }

    /// <inheritdoc/>
    public void Dispose() => marker?.Dispose();
}
