using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Mazij.Formats;

namespace Mazij.Text.Tokenizers;

/// <summary>
/// A byte-level BPE tokenizer, as tokenizer.json describes it: trained here (<see cref="TokenizerTrainer"/>) or loaded
/// (<see cref="Tokenizer.Load"/>). Immutable; any number of threads may share it.
/// </summary>
public sealed class BpeTokenizer : ITokenizer
{
    private readonly TokenizerDefinition definition;
    private readonly BpeVocabulary vocabulary;
    private readonly byte[] json;
    private readonly byte[]? config;
    private readonly ConcurrentBag<WordEncoder> encoders = [];
    private readonly Dictionary<int, AddedToken> addedById = [];
    private readonly Dictionary<string, int> specialTokens = new(StringComparer.Ordinal);
    private readonly (AddedTokenMatcher Raw, AddedTokenMatcher Normalized) ordinaryMatchers;
    private readonly (AddedTokenMatcher Raw, AddedTokenMatcher Normalized) allMatchers;

    internal BpeTokenizer(TokenizerDefinition definition, byte[] json, byte[]? config)
    {
        this.definition = definition;
        this.json = json;
        this.config = config;
        vocabulary = definition.Vocabulary;
        Hash = Convert.ToHexStringLower(SHA256.HashData(json));
        foreach (AddedToken token in definition.AddedTokens)
        {
            addedById[token.Id] = token;
            if (token.Special)
                specialTokens[token.Content] = token.Id;
        }
        ordinaryMatchers = Matchers(definition.AddedTokens.Where(token => !token.Special).ToArray());
        allMatchers = Matchers(definition.AddedTokens);
    }

    /// <inheritdoc/>
    public int VocabularySize => vocabulary.Size;

    /// <inheritdoc/>
    public string Hash { get; }

    /// <inheritdoc/>
    public int? EndOfTextId => definition.EndOfTextId;

    /// <summary>The pre-split; its name is what GGUF's tokenizer.ggml.pre needs.</summary>
    public PreSplit PreSplit => vocabulary.PreSplit;

    /// <summary>The special (control) tokens: text to id.</summary>
    public IReadOnlyDictionary<string, int> SpecialTokens => specialTokens;

    /// <summary>All added tokens, special or not, in the order of the file.</summary>
    public IReadOnlyList<AddedToken> AddedTokens => definition.AddedTokens;

    /// <summary>The number of merges.</summary>
    public int MergeCount => vocabulary.Merges.Length;

    /// <summary>The bytes of tokenizer.json, which <see cref="Hash"/> is of.</summary>
    public ReadOnlyMemory<byte> Json => json;

    /// <inheritdoc/>
    /// <remarks>
    /// Added tokens that are not special (a Hugging Face file may have some) are recognised, as every reader of such a
    /// file does. If the file asks for it, the text is brought to Unicode's form NFC first, so that the ids stand for
    /// that form.
    /// </remarks>
    public void Encode(ReadOnlySpan<byte> utf8, List<int> ids) => Encode(utf8, ids, ordinaryMatchers);

    /// <summary>As <see cref="Encode(ReadOnlySpan{byte}, List{int})"/>, but text that spells a special token becomes
    /// its
    /// id: for prompts that a chat template has built, never for text from elsewhere.</summary>
    /// <param name="utf8">The prompt.</param>
    /// <param name="ids">Receives the ids.</param>
    public void EncodePrompt(ReadOnlySpan<byte> utf8, List<int> ids) => Encode(utf8, ids, allMatchers);

    /// <summary>
    /// The ids of a text; special tokens only if asked for. See the two methods on UTF-8 for large texts.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="parseSpecialTokens">Whether text that spells a special token becomes its id.</param>
    public int[] Encode(string text, bool parseSpecialTokens = false)
    {
        List<int> ids = [];
        Encode(Encoding.UTF8.GetBytes(text), ids, parseSpecialTokens ? allMatchers : ordinaryMatchers);
        return [.. ids];
    }

    /// <inheritdoc/>
    public byte[] Decode(ReadOnlySpan<int> ids)
    {
        long length = 0;
        for (int i = 0; i < ids.Length; i++)
            length += RequireBytes(ids, i).Length;
        if (length > Array.MaxLength)
            throw new InputException($"{ids.Length} ids stand for {length} bytes, too many; decode fewer at once");
        byte[] bytes = new byte[length];
        int written = 0;
        foreach (int id in ids)
        {
            ReadOnlySpan<byte> token = vocabulary.Bytes(id);
            token.CopyTo(bytes.AsSpan(written));
            written += token.Length;
        }
        return bytes;
    }

    /// <summary>
    /// The bytes that an id stands for (of an added token, its text); empty for an id that is not used.
    /// </summary>
    /// <param name="id">Any number.</param>
    public ReadOnlySpan<byte> TokenBytes(int id) => vocabulary.Bytes(id);

    /// <summary>
    /// The bytes of a token as text for display; bytes that are not UTF-8 on their own show as U+FFFD.
    /// </summary>
    /// <param name="id">Any number.</param>
    public string TokenText(int id) => Encoding.UTF8.GetString(TokenBytes(id));

    /// <summary>
    /// How tokenizer.json and GGUF spell a token: an added token as it is, any other with GPT-2's characters for bytes
    /// (a space is 'Ġ'). Null for an id that is not used.
    /// </summary>
    /// <param name="id">Any number.</param>
    public string? Spelling(int id) =>
        definition.Literals.TryGetValue(id, out string? literal) ? literal
        : vocabulary.Bytes(id) is byte[] bytes ? ByteSpelling.Spell(bytes)
        : null;

    /// <summary>The spelling of a merge, "left right", as GGUF's tokenizer.ggml.merges wants it.</summary>
    /// <param name="rank">Below <see cref="MergeCount"/>; lower ranks merge first.</param>
    public string MergeSpelling(int rank) =>
        $"{Spelling(vocabulary.Merges[rank].Left)} {Spelling(vocabulary.Merges[rank].Right)}";

    /// <summary>Whether the id is a special (control) token.</summary>
    /// <param name="id">Any number.</param>
    public bool IsSpecial(int id) => addedById.TryGetValue(id, out AddedToken? token) && token.Special;

    /// <summary>
    /// A decoder for ids that arrive one at a time, which yields text as soon as its characters are complete.
    /// </summary>
    /// <param name="skipSpecialTokens">Whether special tokens yield nothing rather than their text.</param>
    public TokenStreamDecoder CreateStreamDecoder(bool skipSpecialTokens = false) => new(this, skipSpecialTokens);

    /// <summary>
    /// Writes tokenizer.json, the same bytes it was loaded from, and tokenizer_config.json if there is one, into a
    /// folder,
    /// which is created if need be.
    /// </summary>
    /// <param name="folder">The folder.</param>
    public void Save(string folder)
    {
        Directory.CreateDirectory(folder);
        AtomicFile.Write(Path.Combine(folder, TokenizerFile.Name), stream => stream.Write(json));
        if (config is not null)
            AtomicFile.Write(Path.Combine(folder, TokenizerConfigFile.Name), stream => stream.Write(config));
    }

    private void Encode(ReadOnlySpan<byte> text, List<int> ids,
        (AddedTokenMatcher Raw, AddedTokenMatcher Normalized) matchers)
    {
        if (!encoders.TryTake(out WordEncoder? encoder))
            encoder = new WordEncoder(vocabulary);
        int position = 0;
        if (!matchers.Raw.IsEmpty)
        {
            while (matchers.Raw.TryFind(text, position, out Range found, out int id))
            {
                EncodeNormalized(encoder, text[position..found.Start], ids, matchers.Normalized);
                ids.Add(id);
                position = found.End.Value;
            }
        }
        EncodeNormalized(encoder, text[position..], ids, matchers.Normalized);
        encoders.Add(encoder);
    }

    private void EncodeNormalized(WordEncoder encoder, ReadOnlySpan<byte> text, List<int> ids,
        AddedTokenMatcher matcher)
    {
        if (definition.NormalizesToNfc && Nfc.Normalize(text) is byte[] normalized)
            text = normalized;
        int position = 0;
        if (!matcher.IsEmpty)
        {
            while (matcher.TryFind(text, position, out Range found, out int id))
            {
                encoder.Encode(text[position..found.Start], ids);
                ids.Add(id);
                position = found.End.Value;
            }
        }
        encoder.Encode(text[position..], ids);
    }

    private (AddedTokenMatcher Raw, AddedTokenMatcher Normalized) Matchers(IReadOnlyList<AddedToken> tokens)
    {
        bool nfc = definition.NormalizesToNfc;
        byte[] Normalize(string content)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(content);
            return nfc ? Nfc.Normalize(bytes) ?? bytes : bytes;
        }
        return (new(tokens.Where(token => !token.Normalized), Encoding.UTF8.GetBytes),
            new(tokens.Where(token => token.Normalized), Normalize));
    }

    private byte[] RequireBytes(ReadOnlySpan<int> ids, int index) =>
        vocabulary.Bytes(ids[index]) ?? throw new InputException(
            $"id {ids[index]} at position {index} is not in the vocabulary (ids are below {VocabularySize}); " +
            "was it made with another tokenizer?");
}
