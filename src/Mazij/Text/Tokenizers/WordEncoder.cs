using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Mazij.Text.Tokenizers;

/// <summary>
/// Turns words into ids for one thread: a cache of words seen before, and the merging itself. Text repeats its words,
/// so
/// the cache decides the speed: it maps words of up to 31 bytes directly to slots of one cache line each.
/// </summary>
internal sealed class WordEncoder
{
    private const int CachedBytes = 31;
    private const int CachedIds = 7;
    private const int CacheBits = 15;
    private const int ShortWord = 48;
    private const int LongestWord = 1 << 28;

    private readonly BpeVocabulary vocabulary;
    private readonly MergeTable merges;
    private readonly int[] byteIds;
    private readonly Slot[] cache = new Slot[1 << CacheBits];
    private readonly int[] output = new int[4096];
    private readonly int[] wordIds = new int[ShortWord];
    private readonly uint[] ranks = new uint[ShortWord];
    private int outputCount;

    /// <summary>Creates an encoder with an empty cache.</summary>
    public WordEncoder(BpeVocabulary vocabulary)
    {
        this.vocabulary = vocabulary;
        merges = vocabulary.MergeTable;
        byteIds = vocabulary.ByteIds;
    }

    /// <summary>Appends the ids of <paramref name="text"/>, a whole section without added tokens.</summary>
    /// <exception cref="InputException">A word is longer than 256 MiB.</exception>
    public void Encode(ReadOnlySpan<byte> text, List<int> ids)
    {
        PreSplitter splitter = vocabulary.PreSplit.Splitter;
        outputCount = 0;
        for (int start = 0; start < text.Length;)
        {
            int end = splitter.Next(text, start);
            int length = end - start;
            if (outputCount + Math.Max(CachedIds, ShortWord) > output.Length)
                Flush(ids);
            if (length == 1)
                output[outputCount++] = byteIds[text[start]];
            else if (length <= CachedBytes)
                EncodeCached(text, start, length);
            else if (length <= ShortWord)
                outputCount += MergeShort(text.Slice(start, length), output.AsSpan(outputCount));
            else
                EncodeLong(text.Slice(start, length), ids);
            start = end;
        }
        Flush(ids);
    }

    private void Flush(List<int> ids)
    {
        ids.AddRange(output.AsSpan(0, outputCount));
        outputCount = 0;
    }

    private void EncodeCached(ReadOnlySpan<byte> text, int start, int length)
    {
        Vector256<byte> word = Load(text, start, length);
        ref Slot slot = ref cache[Hash(word)];
        Span<int> target = output.AsSpan(outputCount);
        if (slot.Word == word)
        {
            // A fixed-size copy: faster than one of the exact size, and the surplus is overwritten by the next word.
            ((ReadOnlySpan<int>)slot.Ids).CopyTo(target);
            outputCount += slot.Count;
            return;
        }
        int count = MergeShort(text.Slice(start, length), target);
        outputCount += count;
        if (count <= CachedIds)
        {
            slot.Word = word;
            slot.Count = count;
            target[..count].CopyTo(slot.Ids);
        }
    }

    /// <summary>
    /// The word in a vector, zero-padded, its length in the last byte (so no word equals an empty slot).
    /// </summary>
    private static Vector256<byte> Load(ReadOnlySpan<byte> text, int start, int length)
    {
        Vector256<byte> word;
        if (start + Vector256<byte>.Count <= text.Length)
        {
            word = Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(text), (nuint)start);
            word &= Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(Masks),
                (nuint)(Vector256<byte>.Count - length));
        }
        else
        {
            Span<byte> padded = stackalloc byte[Vector256<byte>.Count];
            padded.Clear();
            text.Slice(start, length).CopyTo(padded);
            word = Vector256.Create(padded);
        }
        return word.WithElement(CachedBytes, (byte)length);
    }

    private static ReadOnlySpan<byte> Masks =>
    [
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    private static int Hash(Vector256<byte> word)
    {
        Vector256<ulong> parts = word.AsUInt64();
        ulong first = (parts[0] ^ 0x9E3779B97F4A7C15UL) * 0xD6E8FEB86659FD93UL;
        ulong second = (parts[1] ^ BitOperations.RotateLeft(parts[3], 29)) * 0xA0761D6478BD642FUL;
        ulong third = (parts[2] ^ parts[3]) * 0xE7037ED1A0B428DBUL;
        ulong mixed = first ^ BitOperations.RotateLeft(second, 23) ^ BitOperations.RotateLeft(third, 41);
        mixed = (mixed ^ (mixed >> 32)) * 0x9E3779B97F4A7C15UL;
        return (int)(mixed >> (64 - CacheBits));
    }

    /// <summary>
    /// Merges a word of up to <see cref="ShortWord"/> bytes: again and again the leftmost pair of the lowest rank.
    /// </summary>
    private int MergeShort(ReadOnlySpan<byte> word, Span<int> target)
    {
        if (vocabulary.WholeWord(word) is >= 0 and int whole)
        {
            target[0] = whole;
            return 1;
        }
        Span<int> tokens = wordIds.AsSpan(0, word.Length);
        Span<uint> pairs = ranks.AsSpan(0, word.Length);
        int count = word.Length;
        for (int i = 0; i < count; i++)
            tokens[i] = byteIds[word[i]];
        for (int i = 0; i + 1 < count; i++)
            pairs[i] = merges.Rank(tokens[i], tokens[i + 1], out _);
        while (count > 1)
        {
            int best = 0;
            for (int i = 1; i + 1 < count; i++)
            {
                if (pairs[i] < pairs[best])
                    best = i;
            }
            if (pairs[best] == MergeTable.NoMerge)
                break;
            merges.Rank(tokens[best], tokens[best + 1], out tokens[best]);
            count--;
            tokens.Slice(best + 2, count - best - 1).CopyTo(tokens[(best + 1)..]);
            if (best + 1 < count)
            {
                pairs.Slice(best + 2, count - best - 2).CopyTo(pairs[(best + 1)..]);
                pairs[best] = merges.Rank(tokens[best], tokens[best + 1], out _);
            }
            if (best > 0)
                pairs[best - 1] = merges.Rank(tokens[best - 1], tokens[best], out _);
        }
        tokens[..count].CopyTo(target);
        return count;
    }

    private void EncodeLong(ReadOnlySpan<byte> word, List<int> ids)
    {
        if (word.Length > LongestWord)
            throw new InputException($"a word of {word.Length} bytes without a break cannot be encoded; is this text?");
        Flush(ids);
        if (vocabulary.WholeWord(word) is >= 0 and int whole)
        {
            ids.Add(whole);
            return;
        }
        int[] rented = ArrayPool<int>.Shared.Rent(word.Length);
        try
        {
            Span<int> tokens = rented.AsSpan(0, word.Length);
            for (int i = 0; i < word.Length; i++)
                tokens[i] = byteIds[word[i]];
            ids.AddRange(tokens[..LongWordMerger.Merge(merges, tokens)]);
        }
        finally
        {
            ArrayPool<int>.Shared.Return(rented);
        }
    }

    [InlineArray(CachedIds)]
    private struct SlotIds
    {
        private int first;
    }

    /// <summary>64 bytes.</summary>
    private struct Slot
    {
        public Vector256<byte> Word;
        public int Count;
        public SlotIds Ids;
    }
}
