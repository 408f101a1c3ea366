namespace Mazij.Text.Corpora;

/// <summary>
/// The hashes of the documents seen so far, in 10 to 13 bytes each. 76 bits of each hash decide: that any one document
/// of <i>n</i> is taken for a duplicate which it is not has a probability of n² / 2^77, one in 150,000 for a thousand
/// million documents.
/// </summary>
internal sealed class DocumentHashes
{
    // The upper 12 bits choose one of many small tables, so that memory grows in small steps and is never held twice.
    private const int TableBits = 12;
    private const int InitialSlots = 16;

    private readonly ulong[]?[] tables = new ulong[]?[1 << TableBits];
    private readonly int[] counts = new int[1 << TableBits];

    /// <summary>Number of hashes held.</summary>
    public long Count { get; private set; }

    /// <summary>Bytes of memory of the tables.</summary>
    public long Bytes => tables.Sum(table => 8L * (table?.Length ?? 0));

    /// <summary>Adds a hash.</summary>
    /// <returns>Whether it is new.</returns>
    public bool Add(UInt128 hash)
    {
        int index = (int)(hash >> (128 - TableBits));
        // 0 marks a free slot.
        ulong key = Math.Max(1, (ulong)hash);
        ulong[] slots = tables[index] ??= new ulong[InitialSlots];
        if (counts[index] >= slots.Length * 4L / 5) tables[index] = slots = Grown(slots);
        if (!Insert(slots, key)) return false;
        counts[index]++;
        Count++;
        return true;
    }

    private static bool Insert(ulong[] slots, ulong key)
    {
        int slot = (int)Math.BigMul(key, (ulong)slots.Length, out _);
        while (slots[slot] != 0)
        {
            if (slots[slot] == key) return false;
            if (++slot == slots.Length) slot = 0;
        }
        slots[slot] = key;
        return true;
    }

    private static ulong[] Grown(ulong[] slots)
    {
        ulong[] larger = new ulong[checked((int)(slots.Length * 5L / 4))];
        foreach (ulong key in slots)
        {
            if (key != 0) Insert(larger, key);
        }
        return larger;
    }
}
