using static TorchSharp.torch;

namespace Mazij.Models;

/// <summary>Sees the hidden states of a forward pass; tensors are valid during the call only.</summary>
internal abstract class ModelProbe
{
    /// <summary>The residual stream [tokens, hidden] before layer <paramref name="layer"/>; with the number of layers, behind the last.</summary>
    public virtual void Hidden(int layer, Tensor hidden) { }

    /// <summary>The hidden states [tokens, hidden] behind the final norm.</summary>
    public virtual void FinalHidden(Tensor hidden) { }

    /// <summary>The probe for a layer's parts, or null.</summary>
    public virtual LayerProbe? Layer(int layer) => null;
}
