namespace Mazij.Devices.Catalogue;

/// <summary>Number formats that peaks are given for.</summary>
internal enum DeviceDtype
{
    /// <summary>IEEE single precision.</summary>
    Fp32,

    /// <summary>fp32 in memory, products of 10 bits of fraction (NVIDIA).</summary>
    Tf32,

    /// <summary>IEEE half precision.</summary>
    Fp16,

    /// <summary>bfloat16.</summary>
    Bf16,

    /// <summary>8-bit floats.</summary>
    Fp8,

    /// <summary>8-bit integers.</summary>
    Int8,
}
