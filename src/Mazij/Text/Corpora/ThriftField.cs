namespace Mazij.Text.Corpora;

/// <summary>How a value lies in Thrift's compact protocol, as far as it decides where the value ends.</summary>
internal enum ThriftKind
{
    /// <summary>True or false; in a field it is part of the header.</summary>
    Flag,

    /// <summary>One byte.</summary>
    Byte,

    /// <summary>A whole number of 16, 32 or 64 bits, or an enumeration's: seven bits a byte.</summary>
    Number,

    /// <summary>Eight bytes.</summary>
    Double,

    /// <summary>A length and so many bytes.</summary>
    Binary,

    /// <summary>A number of elements of one kind.</summary>
    List,

    /// <summary>Fields up to a zero.</summary>
    Struct,
}

/// <summary>What a field of a structure holds.</summary>
/// <param name="Kind">How it lies.</param>
/// <param name="Struct">The structure's fields.</param>
/// <param name="Element">What a list holds.</param>
internal sealed record ThriftField(ThriftKind Kind, IReadOnlyDictionary<int, ThriftField>? Struct = null, ThriftField? Element = null)
{
    public static ThriftField Flag { get; } = new(ThriftKind.Flag);

    public static ThriftField OneByte { get; } = new(ThriftKind.Byte);

    public static ThriftField Number { get; } = new(ThriftKind.Number);

    public static ThriftField EightBytes { get; } = new(ThriftKind.Double);

    public static ThriftField Binary { get; } = new(ThriftKind.Binary);

    /// <summary>A structure whose fields have the numbers 1, 2, ...; null where a number is not used.</summary>
    public static ThriftField Of(params ReadOnlySpan<ThriftField?> fields)
    {
        Dictionary<int, ThriftField> byNumber = [];
        for (int i = 0; i < fields.Length; i++)
        {
            if (fields[i] is { } field) byNumber.Add(i + 1, field);
        }
        return new ThriftField(ThriftKind.Struct, byNumber);
    }

    /// <summary>A list of these.</summary>
    public ThriftField List() => new(ThriftKind.List, Element: this);
}
