using static TorchSharp.torch;

namespace Mazij.Cli.Benches;

/// <summary>Compute dtypes as options and reports call them.</summary>
internal static class ScalarTypeNames
{
    /// <summary>bf16 or fp32.</summary>
    public static string Of(ScalarType type) => type == ScalarType.BFloat16 ? "bf16" : "fp32";
}
