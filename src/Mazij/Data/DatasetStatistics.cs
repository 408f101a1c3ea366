using System.Runtime.InteropServices;

namespace Mazij.Data;

/// <summary>How often an id occurs.</summary>
/// <param name="Id">The id.</param>
/// <param name="Count">Number of occurrences in the split.</param>
public readonly record struct TokenFrequency(int Id, long Count);

/// <summary>What is in one split.</summary>
/// <param name="Tokens">Number of tokens.</param>
/// <param name="Documents">Number of documents.</param>
/// <param name="TextBytes">Bytes of text.</param>
/// <param name="Shards">Number of files.</param>
/// <param name="LongestDocument">The document with most tokens, the first of several; null without documents.</param>
/// <param name="MedianDocumentTokens">Tokens of the document in the middle, the lower of two; 0 without
/// documents.</param>
/// <param name="DistinctTokens">Number of ids that occur.</param>
/// <param name="MostFrequent">The most frequent ids, most frequent first, of equals the lower id first.</param>
public sealed record SplitStatistics(
    long Tokens,
    long Documents,
    long TextBytes,
    int Shards,
    DocumentReference? LongestDocument,
    long MedianDocumentTokens,
    int DistinctTokens,
    IReadOnlyList<TokenFrequency> MostFrequent)
{
    /// <summary>Bytes of text per token, ends of text counted; 0 without tokens.</summary>
    public double BytesPerToken => Tokens > 0 ? (double)TextBytes / Tokens : 0;
}

/// <summary>What is in a data set.</summary>
/// <param name="Manifest">Corpus, tokenizer, duplicates, gzip baseline.</param>
/// <param name="Train">The training split.</param>
/// <param name="Validation">The validation split.</param>
public sealed record DatasetStatistics(DatasetManifest Manifest, SplitStatistics Train, SplitStatistics Validation)
{
    private const int ChunkTokens = 1 << 16;

    /// <summary>Reads all tokens once and counts.</summary>
    /// <param name="dataset">The data set.</param>
    /// <param name="frequent">How many of the most frequent ids to list.</param>
    public static DatasetStatistics Compute(TokenDataset dataset, int frequent = 20)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        DatasetManifest manifest = dataset.Manifest;
        return new DatasetStatistics(
            manifest,
            Of(dataset.Train, manifest.VocabularySize, manifest.Train.Shards.Count, frequent),
            Of(dataset.Validation, manifest.VocabularySize, manifest.Validation.Shards.Count, frequent));
    }

    private static SplitStatistics Of(TokenSplit split, int vocabularySize, int shards, int frequent)
    {
        long[] counts = new long[vocabularySize];
        int[] chunk = new int[ChunkTokens];
        for (long position = 0; position < split.Tokens; position += ChunkTokens)
        {
            Span<int> ids = chunk.AsSpan(0, (int)Math.Min(ChunkTokens, split.Tokens - position));
            split.Read(position, ids);
            foreach (int id in ids) counts[id]++;
        }
        // How many documents have each length: documents may be too many to list, lengths repeat.
        Dictionary<long, long> lengths = [];
        DocumentReference? longest = null;
        foreach (DocumentReference document in split.EnumerateDocuments())
        {
            CollectionsMarshal.GetValueRefOrAddDefault(lengths, document.Tokens, out _)++;
            if (longest is not { } before || document.Tokens > before.Tokens) longest = document;
        }
        return new SplitStatistics(
            split.Tokens,
            split.Documents,
            split.TextBytes,
            shards,
            longest,
            Median(lengths, split.Documents),
            counts.Count(count => count > 0),
            [.. Enumerable.Range(0, vocabularySize)
                .Where(id => counts[id] > 0)
                .OrderByDescending(id => counts[id])
                .Take(frequent)
                .Select(id => new TokenFrequency(id, counts[id]))]);
    }

    private static long Median(Dictionary<long, long> lengths, long documents)
    {
        long before = 0;
        foreach ((long length, long count) in lengths.OrderBy(entry => entry.Key))
        {
            before += count;
            if (before > (documents - 1) / 2) return length;
        }
        return 0;
    }
}
