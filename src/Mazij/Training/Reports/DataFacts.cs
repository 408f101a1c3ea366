using Mazij.Data;

namespace Mazij.Training.Reports;

/// <summary>What a run is trained on; of several sources, what they are together.</summary>
/// <param name="Corpus">The inputs that the text came from, or the names of the sources.</param>
/// <param name="Folder">The token shards; of several sources, those of the first.</param>
/// <param name="VocabularySize">Entries of the tokenizer.</param>
/// <param name="Duplicates">Documents left out because the same text came before.</param>
/// <param name="Train">The training split.</param>
/// <param name="Validation">The validation split.</param>
/// <param name="MeasuredBytes">Bytes of validation text that the compressors were given.</param>
/// <param name="GzipBitsPerByte">What <c>gzip -9</c> needs for that text, of several sources as <see cref="Combine"/> says; null
/// without validation text.</param>
internal sealed record DataFacts(
    string Corpus, string Folder, int VocabularySize, long Duplicates, SplitFacts Train, SplitFacts Validation, long MeasuredBytes,
    double? GzipBitsPerByte)
{
    /// <summary>The sources one by one, in the order of the run file; empty if there is only one.</summary>
    public IReadOnlyList<SourceFacts> Sources { get; init; } = [];

    /// <summary>Describes data.</summary>
    /// <param name="data">The data.</param>
    /// <param name="sources">The sources that are drawn from it.</param>
    /// <param name="shares">Their shares at the start of the run, in the order of the run file.</param>
    public static DataFacts Of(PreparedData data, IReadOnlyList<SampleSource> sources, IReadOnlyList<double> shares)
    {
        SourceFacts[] each =
        [
            .. data.Sources.Zip(shares, (source, share) =>
                SourceFacts.Of(source, share, sources.Single(drawn => drawn.Identity == source.Identity).ShareLeftOut)),
        ];
        int vocabulary = data.Dataset.Manifest.VocabularySize;
        if (each is [SourceFacts only])
        {
            return new DataFacts(
                only.Corpus, only.Folder, vocabulary, only.Duplicates, only.Train, only.Validation, only.MeasuredBytes,
                only.GzipBitsPerByte);
        }
        DataFacts facts = new(
            string.Join(", ", each.Select(source => source.Name)), data.Folder, vocabulary, each.Sum(source => source.Duplicates),
            SplitFacts.Sum(each.Select(source => source.Train)), SplitFacts.Sum(each.Select(source => source.Validation)),
            each.Sum(source => source.MeasuredBytes), GzipBitsPerByte: null)
        {
            Sources = each,
        };
        return facts with { GzipBitsPerByte = facts.Combine(source => source.GzipBitsPerByte) };
    }

    /// <summary>Bits per byte of several sources as one figure, by the shares with which the run begins: that many tokens of each
    /// source's validation text, with the bytes they stand for. So the run's own validation figure is made too.</summary>
    /// <param name="bitsPerByte">The figure of a source.</param>
    /// <returns>Null if that of a source with a share is not known.</returns>
    public double? Combine(Func<SourceFacts, double?> bitsPerByte)
    {
        double bits = 0, bytes = 0;
        foreach (SourceFacts source in Sources.Where(source => source.Share > 0))
        {
            if (bitsPerByte(source) is not double each)
                return null;
            double weight = source.Share * source.Validation.TextBytes / Math.Max(1, source.Validation.Tokens);
            bits += weight * each;
            bytes += weight;
        }
        return bytes > 0 ? bits / bytes : null;
    }
}

/// <summary>One of several sources.</summary>
/// <param name="Name">Its name in the run file.</param>
/// <param name="Share">Its share of the samples at the start of the run, 0 to 1.</param>
/// <param name="ShareLeftOut">The share of its windows that is not drawn, as another source has their text.</param>
/// <param name="Corpus">The inputs that its text came from.</param>
/// <param name="Folder">Its token shards.</param>
/// <param name="Duplicates">Documents left out because the same text came before in it.</param>
/// <param name="Train">Its training split.</param>
/// <param name="Validation">Its validation split.</param>
/// <param name="MeasuredBytes">Bytes of its validation text that the compressors were given.</param>
/// <param name="GzipBitsPerByte">What <c>gzip -9</c> needs for that text; null without validation text.</param>
internal sealed record SourceFacts(
    string Name, double Share, double ShareLeftOut, string Corpus, string Folder, long Duplicates, SplitFacts Train, SplitFacts Validation,
    long MeasuredBytes, double? GzipBitsPerByte)
{
    /// <summary>Describes a source.</summary>
    public static SourceFacts Of(SourceData source, double share, double shareLeftOut)
    {
        DatasetManifest manifest = source.Dataset.Manifest;
        return new SourceFacts(
            source.Name, share, shareLeftOut, manifest.Corpus, source.Folder, manifest.Duplicates, SplitFacts.Of(manifest.Train),
            SplitFacts.Of(manifest.Validation), manifest.Gzip.TextBytes, manifest.Gzip.BitsPerByte);
    }
}

/// <summary>One split of the data.</summary>
/// <param name="Documents">Documents.</param>
/// <param name="Tokens">Tokens.</param>
/// <param name="TextBytes">Bytes of text.</param>
internal sealed record SplitFacts(long Documents, long Tokens, long TextBytes)
{
    /// <summary>What the manifest says of a split.</summary>
    public static SplitFacts Of(SplitManifest split) => new(split.Documents, split.Tokens, split.TextBytes);

    /// <summary>Several splits together.</summary>
    public static SplitFacts Sum(IEnumerable<SplitFacts> splits) => splits.Aggregate((sum, split) =>
        new SplitFacts(sum.Documents + split.Documents, sum.Tokens + split.Tokens, sum.TextBytes + split.TextBytes));
}
