using Mazij.Configuration;

namespace Mazij.Devices.Catalogue;

/// <summary>Peak rates of matrix products without sparsity, TFLOP/s, with accumulation in fp32 where the maker tells. Null is
/// unknown; 0 says that the device does not compute in that format.</summary>
internal sealed record DevicePeak
{
    /// <summary>IEEE single precision.</summary>
    [Range(0, 1e9)]
    public double? Fp32 { get; init; }

    /// <summary>TF32.</summary>
    [Range(0, 1e9)]
    public double? Tf32 { get; init; }

    /// <summary>IEEE half precision.</summary>
    [Range(0, 1e9)]
    public double? Fp16 { get; init; }

    /// <summary>bfloat16.</summary>
    [Range(0, 1e9)]
    public double? Bf16 { get; init; }

    /// <summary>8-bit floats.</summary>
    [Range(0, 1e9)]
    public double? Fp8 { get; init; }

    /// <summary>8-bit integers, TOP/s.</summary>
    [Range(0, 1e9)]
    public double? Int8 { get; init; }

    /// <summary>The peak in a format, TFLOP/s.</summary>
    internal double? this[DeviceDtype dtype] => dtype switch
    {
        DeviceDtype.Fp32 => Fp32,
        DeviceDtype.Tf32 => Tf32,
        DeviceDtype.Fp16 => Fp16,
        DeviceDtype.Bf16 => Bf16,
        DeviceDtype.Fp8 => Fp8,
        _ => Int8,
    };
}
