using System.Runtime.InteropServices;

namespace Mazij.Text.Tokenizers;

/// <summary>
/// Learns merges from counted words: again and again the pair of neighbouring tokens that occurs most often, over all
/// words weighted by their counts, becomes a token (Sennrich et al. 2016, arXiv 1508.07909). Of pairs that occur
/// equally
/// often the one with the smaller left id goes first, then the smaller right id. The counts of pairs are kept up to
/// date
/// around each merge, and a heap holds the pairs: an entry whose count has fallen since is put back with the new one.
/// </summary>
internal sealed class MergeLearner
{
    private readonly Dictionary<ulong, int> pairIndex = [];
    private readonly List<ulong> newPairs = [];
    private readonly PriorityQueue<int, Candidate> heap = new();
    private readonly int[] symbols;
    private readonly int[] starts;
    private readonly int[] lengths;
    private readonly long[] occurrences;
    private Pair[] pairs = new Pair[1 << 12];
    private int pairCount;

    /// <summary>Sets every word out as single bytes, whose ids are their values, and counts the pairs.</summary>
    public MergeLearner(WordCounter words)
    {
        starts = new int[words.Count];
        lengths = new int[words.Count];
        occurrences = new long[words.Count];
        long total = 0;
        for (int i = 0; i < words.Count; i++)
            total += words.Word(i).Length;
        symbols = new int[total];
        int next = 0;
        for (int i = 0; i < words.Count; i++)
        {
            ReadOnlySpan<byte> word = words.Word(i);
            starts[i] = next;
            lengths[i] = word.Length;
            occurrences[i] = words.Occurrences(i);
            foreach (byte value in word)
                symbols[next++] = value;
            for (int at = 0; at + 1 < word.Length; at++)
                Add(word[at], word[at + 1], i);
        }
        EnqueueNewPairs();
    }

    /// <summary>
    /// Takes the most frequent pair off the heap, if one occurs at least <paramref name="minimum"/> times.
    /// </summary>
    public bool TryTakeBest(long minimum, out int left, out int right)
    {
        while (heap.TryDequeue(out int index, out Candidate candidate))
        {
            long count = pairs[index].Count;
            if (count == candidate.Count && count >= minimum)
            {
                (left, right) = ((int)(candidate.Key >> 32), (int)(uint)candidate.Key);
                return true;
            }
            if (count >= minimum && count < candidate.Count)
                heap.Enqueue(index, new Candidate(count, candidate.Key));
        }
        left = right = 0;
        return false;
    }

    /// <summary>Replaces the pair by <paramref name="result"/> in every word, left to right.</summary>
    public void Apply(int left, int right, int result)
    {
        int index = pairIndex[Key(left, right)];
        List<int> words = pairs[index].Words;
        foreach (int word in words)
            Replace(word, left, right, result);
        // The pair is gone: where left and right are the same, an odd run leaves one, which has no equal neighbour.
        pairs[index].Count = 0;
        pairs[index].Words = [];
        EnqueueNewPairs();
    }

    private void Replace(int word, int left, int right, int result)
    {
        Span<int> tokens = symbols.AsSpan(starts[word], lengths[word]);
        int written = 0;
        for (int at = 0; at < tokens.Length;)
        {
            if (tokens[at] != left || at + 1 == tokens.Length || tokens[at + 1] != right)
            {
                tokens[written++] = tokens[at++];
                continue;
            }
            if (written > 0)
            {
                Remove(tokens[written - 1], left, word);
                Add(tokens[written - 1], result, word);
            }
            if (at + 2 < tokens.Length)
            {
                Remove(right, tokens[at + 2], word);
                Add(result, tokens[at + 2], word);
            }
            tokens[written++] = result;
            at += 2;
        }
        lengths[word] = written;
    }

    private void Remove(int left, int right, int word) => pairs[pairIndex[Key(left, right)]].Count -= occurrences[word];

    private void Add(int left, int right, int word)
    {
        ulong key = Key(left, right);
        ref int index = ref CollectionsMarshal.GetValueRefOrAddDefault(pairIndex, key, out bool known);
        if (!known)
        {
            if (pairCount == pairs.Length)
                Array.Resize(ref pairs, 2 * pairs.Length);
            pairs[pairCount].Words = [];
            index = pairCount++;
        }
        ref Pair pair = ref pairs[index];
        pair.Count += occurrences[word];
        if (pair.Words.Count == 0 || pair.Words[^1] != word)
            pair.Words.Add(word);
        if (!pair.IsNew)
        {
            pair.IsNew = true;
            newPairs.Add(key);
        }
    }

    private void EnqueueNewPairs()
    {
        foreach (ulong key in newPairs)
        {
            int index = pairIndex[key];
            pairs[index].IsNew = false;
            heap.Enqueue(index, new Candidate(pairs[index].Count, key));
        }
        newPairs.Clear();
    }

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private struct Pair
    {
        public long Count;
        public List<int> Words;
        public bool IsNew;
    }

    /// <summary>Sorts higher counts first, then smaller pairs.</summary>
    private readonly record struct Candidate(long Count, ulong Key) : IComparable<Candidate>
    {
        public int CompareTo(Candidate other)
        {
            int byCount = other.Count.CompareTo(Count);
            return byCount != 0 ? byCount : Key.CompareTo(other.Key);
        }
    }
}
