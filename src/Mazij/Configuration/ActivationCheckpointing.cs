namespace Mazij.Configuration;

/// <summary>What a layer keeps of its forward pass for its backward pass; the rest is computed again there. The gradients are
/// the same bit by bit.</summary>
public enum ActivationCheckpointing
{
    /// <summary>Everything: the fastest, and the most memory.</summary>
    None,

    /// <summary>All but the outputs of the norms and the experts' gate and up activations, which are most of the memory and
    /// little of the time.</summary>
    Selective,

    /// <summary>The layer's input alone: the least memory; nearly the whole forward pass runs twice.</summary>
    Full,
}
