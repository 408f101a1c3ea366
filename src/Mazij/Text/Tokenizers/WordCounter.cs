using System.IO.Hashing;

namespace Mazij.Text.Tokenizers;

/// <summary>Counts words: a hash table over their bytes, which it keeps one after the other in one buffer.</summary>
internal sealed class WordCounter
{
    private byte[] bytes = new byte[1 << 16];
    private Entry[] entries = new Entry[1 << 12];
    private int[] slots = new int[1 << 13];
    private int used;

    /// <summary>The number of different words.</summary>
    public int Count { get; private set; }

    /// <summary>The bytes of a word.</summary>
    public ReadOnlySpan<byte> Word(int index) => bytes.AsSpan(entries[index].Start, entries[index].Length);

    /// <summary>How often the word was added.</summary>
    public long Occurrences(int index) => entries[index].Occurrences;

    /// <summary>Adds every word of a text.</summary>
    public void AddText(ReadOnlySpan<byte> text, PreSplitter splitter)
    {
        for (int start = 0; start < text.Length;)
        {
            int end = splitter.Next(text, start);
            Add(text[start..end], 1);
            start = end;
        }
    }

    /// <summary>Adds what another counter has counted.</summary>
    public void AddAll(WordCounter other)
    {
        for (int i = 0; i < other.Count; i++)
            Add(other.Word(i), other.Occurrences(i));
    }

    private void Add(ReadOnlySpan<byte> word, long occurrences)
    {
        uint hash = (uint)XxHash3.HashToUInt64(word);
        int slot = (int)hash & (slots.Length - 1);
        for (; slots[slot] != 0; slot = (slot + 1) & (slots.Length - 1))
        {
            ref Entry entry = ref entries[slots[slot] - 1];
            if (entry.Hash == hash && word.SequenceEqual(bytes.AsSpan(entry.Start, entry.Length)))
            {
                entry.Occurrences += occurrences;
                return;
            }
        }
        Append(word, hash, occurrences);
        slots[slot] = Count;
        if (2 * Count > slots.Length)
            Rehash();
    }

    private void Append(ReadOnlySpan<byte> word, uint hash, long occurrences)
    {
        long needed = (long)used + word.Length;
        if (needed > Array.MaxLength)
            throw new InputException("the different words of the corpus exceed 2 GB; train on a sample of it");
        if (needed > bytes.Length)
            Array.Resize(ref bytes, (int)Math.Min(Array.MaxLength, Math.Max(2L * bytes.Length, needed)));
        if (Count == entries.Length)
            Array.Resize(ref entries, 2 * entries.Length);
        word.CopyTo(bytes.AsSpan(used));
        entries[Count++] = new Entry { Start = used, Length = word.Length, Hash = hash, Occurrences = occurrences };
        used += word.Length;
    }

    private void Rehash()
    {
        slots = new int[2 * slots.Length];
        for (int i = 0; i < Count; i++)
        {
            int slot = (int)entries[i].Hash & (slots.Length - 1);
            while (slots[slot] != 0)
                slot = (slot + 1) & (slots.Length - 1);
            slots[slot] = i + 1;
        }
    }

    private struct Entry
    {
        public long Occurrences;
        public int Start;
        public int Length;
        public uint Hash;
    }
}
