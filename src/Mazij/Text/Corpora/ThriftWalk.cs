namespace Mazij.Text.Corpora;

/// <summary>
/// Steps over values in Thrift's compact protocol, to find out whether they end within their bytes and are what their structure
/// says. Fields that the structure does not have may hold anything.
/// </summary>
/// <param name="bytes">The bytes.</param>
/// <param name="numberSeen">Is told the whole numbers in fields that are known.</param>
internal ref struct ThriftWalk(ReadOnlySpan<byte> bytes, ThriftWalk.NumberSeen? numberSeen = null)
{
    private const int MaximumDepth = 32;
    private readonly ReadOnlySpan<byte> bytes = bytes;
    private int position;

    /// <summary>Is told a whole number.</summary>
    /// <param name="within">The field whose structure holds it; 0 in the outermost.</param>
    /// <param name="field">Its field.</param>
    /// <param name="number">It.</param>
    internal delegate void NumberSeen(int within, int field, long number);

    /// <summary>Steps over a structure.</summary>
    /// <returns>Bytes that it has.</returns>
    /// <exception cref="EndOfStreamException">It does not end within the bytes.</exception>
    /// <exception cref="InvalidDataException">A field holds something else; says at which byte.</exception>
    public int Struct(ThriftField kind)
    {
        Fields(kind.Struct, within: 0, depth: 0);
        return position;
    }

    private void Value(ThriftKind kind, ThriftField? expected, int within, int field, int depth)
    {
        if (depth > MaximumDepth) throw Wrong("structures are nested too deep");
        if (expected is not null && expected.Kind != kind) throw Wrong("a field holds a value of another kind");
        switch (kind)
        {
            case ThriftKind.Flag:
                break;
            case ThriftKind.Byte:
                Take(1);
                break;
            case ThriftKind.Number:
                long number = Signed(Number());
                if (expected is not null)
                    numberSeen?.Invoke(within, field, number);
                break;
            case ThriftKind.Double:
                Take(8);
                break;
            case ThriftKind.Binary:
                Take(Number());
                break;
            case ThriftKind.List:
                List(expected?.Element, depth);
                break;
            default:
                Fields(expected?.Struct, within: field, depth);
                break;
        }
    }

    private void Fields(IReadOnlyDictionary<int, ThriftField>? known, int within, int depth)
    {
        int number = 0;
        for (byte header; (header = Take(1)) != 0;)
        {
            int step = header >> 4;
            number = step == 0 ? (short)Signed(Number()) : number + step;
            Value(KindOf(header & 15), known?.GetValueOrDefault(number), within, number, depth + 1);
        }
    }

    private void List(ThriftField? element, int depth)
    {
        byte header = Take(1);
        ulong count = header >> 4 == 15 ? Number() : (ulong)(header >> 4);
        ThriftKind kind = KindOf(header & 15);
        // Every element takes a byte at least: what is announced in vain need not be counted out, or room be made for it.
        if (count > (ulong)(bytes.Length - position)) throw Wrong($"a list announces {count} elements");
        for (ulong i = 0; i < count; i++)
        {
            if (kind == ThriftKind.Flag) Take(1);
            else Value(kind, element, within: 0, field: 0, depth + 1);
        }
    }

    /// <summary>Whole numbers have their sign in the lowest bit.</summary>
    private static long Signed(ulong written) => (long)(written >> 1) ^ -(long)(written & 1);

    private ulong Number()
    {
        ulong number = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            byte next = Take(1);
            number |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return number;
        }
        throw Wrong("a number has more than 64 bits");
    }

    /// <summary>Steps over bytes and returns the first.</summary>
    private byte Take(ulong count)
    {
        if (count > (ulong)(bytes.Length - position)) throw new EndOfStreamException($"its bytes end too early, at byte {position} of it");
        byte first = count > 0 ? bytes[position] : (byte)0;
        position += (int)count;
        return first;
    }

    private readonly ThriftKind KindOf(int type) => type switch
    {
        1 or 2 => ThriftKind.Flag,
        3 => ThriftKind.Byte,
        4 or 5 or 6 => ThriftKind.Number,
        7 => ThriftKind.Double,
        8 => ThriftKind.Binary,
        9 => ThriftKind.List,
        12 => ThriftKind.Struct,
        _ => throw Wrong($"a field has the type {type}"),
    };

    private readonly InvalidDataException Wrong(string what) => new($"{what}, at byte {position} of it");
}
