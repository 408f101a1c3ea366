namespace Mazij.Formats.Safetensors;

/// <summary>The number formats of a safetensors file, named as in its header.</summary>
internal enum ElementType
{
    /// <summary>IEEE double precision.</summary>
    F64,

    /// <summary>IEEE single precision.</summary>
    F32,

    /// <summary>IEEE half precision.</summary>
    F16,

    /// <summary>bfloat16: the upper half of single precision.</summary>
    BF16,

    /// <summary>8-bit float, 4 bits of exponent and 3 of fraction.</summary>
    F8_E4M3,

    /// <summary>8-bit float, 5 bits of exponent and 2 of fraction.</summary>
    F8_E5M2,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>Signed 16-bit integer.</summary>
    I16,

    /// <summary>Signed 8-bit integer.</summary>
    I8,

    /// <summary>Unsigned 64-bit integer.</summary>
    U64,

    /// <summary>Unsigned 32-bit integer.</summary>
    U32,

    /// <summary>Unsigned 16-bit integer.</summary>
    U16,

    /// <summary>Unsigned 8-bit integer.</summary>
    U8,

    /// <summary>A byte that is 0 or 1.</summary>
    BOOL,
}

/// <summary>Facts about element types.</summary>
internal static class ElementTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int Size(this ElementType type) => type switch
    {
        ElementType.F64 or ElementType.I64 or ElementType.U64 => 8,
        ElementType.F32 or ElementType.I32 or ElementType.U32 => 4,
        ElementType.F16 or ElementType.BF16 or ElementType.I16 or ElementType.U16 => 2,
        _ => 1,
    };

    /// <summary>The type a header names, or null.</summary>
    public static ElementType? Parse(string name)
    {
        // Enum.TryParse would also take numbers and lists.
        foreach (ElementType type in Enum.GetValues<ElementType>())
        {
            if (type.ToString() == name)
                return type;
        }
        return null;
    }
}
