namespace Mazij.Configuration;

/// <summary>The number format of the forward and backward pass. Weights and optimiser state are always kept in
/// fp32.</summary>
public enum Precision
{
    /// <summary>Whichever of the others is faster on the device.</summary>
    Auto,

    /// <summary>bfloat16: 8 bits of exponent, 7 of fraction. Router, norms, softmax and loss stay in fp32.</summary>
    Bf16,

    /// <summary>IEEE single precision.</summary>
    Fp32,
}
