namespace Mazij.Text;

/// <summary>Turns UTF-8 text into token ids and back. Implementations are immutable and safe to share between threads.</summary>
public interface ITokenizer
{
    /// <summary>Number of ids, special tokens included; every id is in [0, VocabularySize).</summary>
    int VocabularySize { get; }

    /// <summary>SHA-256 (lower-case hex) of the tokenizer.json bytes; token shards and checkpoints are bound to it.</summary>
    string Hash { get; }

    /// <summary>The id that ends a document, or null if the tokenizer has none.</summary>
    int? EndOfTextId { get; }

    /// <summary>Appends the ids of <paramref name="utf8"/> to <paramref name="ids"/>. Text that spells a special token
    /// is encoded as plain text: documents cannot inject control tokens.</summary>
    /// <param name="utf8">The text; any bytes are accepted, valid UTF-8 or not.</param>
    /// <param name="ids">Receives the ids.</param>
    void Encode(ReadOnlySpan<byte> utf8, List<int> ids);

    /// <summary>The bytes that <paramref name="ids"/> stand for. For ids from <see cref="Encode"/> these are the original bytes.</summary>
    /// <param name="ids">Token ids.</param>
    /// <exception cref="InputException">An id is not in the vocabulary.</exception>
    byte[] Decode(ReadOnlySpan<int> ids);
}
