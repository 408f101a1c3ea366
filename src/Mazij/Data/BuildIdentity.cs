using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using Mazij.Text;
using Mazij.Text.Corpora;

namespace Mazij.Data;

/// <summary>What the bytes of a data set depend on. An unfinished build goes on only if all of it is as it was.</summary>
/// <param name="Corpus">A hash of the corpus' files (path, length, time of change) and of how they are read.</param>
/// <param name="Tokenizer">SHA-256 of tokenizer.json.</param>
/// <param name="Options">The options that the result depends on, as text.</param>
internal sealed record BuildIdentity(string Corpus, string Tokenizer, string Options)
{
    public static BuildIdentity Of(Corpus corpus, ITokenizer tokenizer, DatasetOptions options) => new(
        HashOf(corpus),
        tokenizer.Hash,
        FormattableString.Invariant($"{options.ValidationFraction:R} {options.ShardBytes} {options.GzipBytes}"));

    /// <summary>The identity of a corpus.</summary>
    public static string HashOf(Corpus corpus)
    {
        XxHash128 hash = new();
        void Add(string text)
        {
            // The length first, so that no two lists of texts run together into the same bytes.
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            hash.Append(MemoryMarshal.AsBytes([bytes.Length]));
            hash.Append(bytes);
        }
        CorpusOptions options = corpus.Options;
        Add(corpus.Description);
        Add(FormattableString.Invariant(
            $"{options.JsonField}\n{options.MaximumDocumentBytes} {options.DropDuplicates} {options.MaximumBytes} {options.StandardInput?.Format}"));
        foreach (string path in corpus.Paths)
        {
            FileInfo file = new(path);
            Add(FormattableString.Invariant($"{file.FullName}\n{(file.Exists ? file.Length : -1)}\n{file.LastWriteTimeUtc.Ticks}"));
        }
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    /// <summary>What has changed since <paramref name="before"/>, for a message; null if nothing has.</summary>
    public string? ChangeSince(BuildIdentity before) =>
        Corpus != before.Corpus ? "the corpus has changed"
        : Tokenizer != before.Tokenizer ? "the tokenizer is another"
        : Options != before.Options ? "the options are others"
        : null;
}
