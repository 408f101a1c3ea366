using System.IO.Hashing;

namespace Mazij.Text.Tokenizers;

/// <summary>
/// The tokens, their merges and the pre-split: what byte-level BPE needs to encode and decode. Immutable.
/// </summary>
internal sealed class BpeVocabulary
{
    private readonly byte[]?[] tokens;
    private readonly int[] wholeWords;

    /// <summary>Creates the vocabulary and checks nothing: the caller has.</summary>
    /// <param name="tokens">The bytes of every id; null for an id that is not used.</param>
    /// <param name="merges">The merges, in order of rank.</param>
    /// <param name="preSplit">The pre-split.</param>
    /// <param name="wholeWordIds">Ids that a whole word becomes without merging (tokenizer.json's
    /// ignore_merges).</param>
    public BpeVocabulary(byte[]?[] tokens, Merge[] merges, PreSplit preSplit, IReadOnlyCollection<int> wholeWordIds)
    {
        this.tokens = tokens;
        Merges = merges;
        PreSplit = preSplit;
        MergeTable = new MergeTable(merges);
        wholeWords = BuildWholeWords(wholeWordIds);
    }

    /// <summary>The id of every byte.</summary>
    public required int[] ByteIds { get; init; }

    /// <summary>The merges, in order of rank.</summary>
    public Merge[] Merges { get; }

    /// <summary>The merges, to look up.</summary>
    public MergeTable MergeTable { get; }

    /// <summary>The pre-split.</summary>
    public PreSplit PreSplit { get; }

    /// <summary>One more than the highest id.</summary>
    public int Size => tokens.Length;

    /// <summary>The bytes of a token, or null if the id is not used or out of range.</summary>
    public byte[]? Bytes(int id) => (uint)id < (uint)tokens.Length ? tokens[id] : null;

    /// <summary>The id that a whole word becomes without merging, or -1.</summary>
    public int WholeWord(ReadOnlySpan<byte> word)
    {
        if (wholeWords.Length == 0)
            return -1;
        int id = wholeWords[FindWholeWord(wholeWords, word)] - 1;
        return id;
    }

    private int[] BuildWholeWords(IReadOnlyCollection<int> ids)
    {
        if (ids.Count == 0)
            return [];
        int[] table = new int[System.Numerics.BitOperations.RoundUpToPowerOf2((uint)(2 * ids.Count))];
        foreach (int id in ids)
            table[FindWholeWord(table, tokens[id])] = id + 1;
        return table;
    }

    /// <summary>
    /// The slot that holds the word, or the empty one where it belongs; slots hold id + 1, 0 is empty.
    /// </summary>
    private int FindWholeWord(int[] table, ReadOnlySpan<byte> word)
    {
        int slot = (int)XxHash3.HashToUInt64(word) & (table.Length - 1);
        while (table[slot] != 0 && !word.SequenceEqual(tokens[table[slot] - 1]))
            slot = (slot + 1) & (table.Length - 1);
        return slot;
    }
}
