using Mazij.Formats.Safetensors;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Formats.HuggingFace;

/// <summary>Gives a writer the bytes of slices, one slice in host memory at a time.</summary>
internal sealed class WeightSource(IEnumerable<WeightSlice> slices, Func<WeightSlice, Tensor> tensorOf) : IDisposable
{
    private readonly Dictionary<string, WeightSlice> byName = slices.ToDictionary(slice => slice.Name);
    private string? currentName;
    private Tensor? current;

    /// <summary>Fills a part of a tensor's bytes.</summary>
    public void Fill(TensorSpec spec, long offset, Span<byte> destination)
    {
        if (currentName != spec.Name)
        {
            current?.Dispose();
            WeightSlice slice = byName[spec.Name];
            using Tensor flat = tensorOf(slice).view(-1);
            using Tensor range = flat.narrow(0, slice.Offset, slice.Count);
            current = (range.device.type == DeviceType.CPU ? range.alias() : range.cpu()).DetachFromDisposeScope();
            currentName = spec.Name;
        }
        WeightTransfer.Write(current!, offset, destination, spec.Type);
    }

    /// <inheritdoc/>
    public void Dispose() => current?.Dispose();
}
