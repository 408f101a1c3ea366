using System.Text;
using System.Text.Json;

namespace Mazij.Text.Tokenizers;

/// <summary>Reads tokenizer.json; refuses what our encoder would not do exactly as its authors' library.</summary>
internal static class TokenizerFileReader
{
    /// <summary>
    /// How many ids may be unused, beyond as many as are used: what bounds the memory of a hostile file.
    /// </summary>
    private const int FreeIds = 1 << 16;

    /// <summary>Reads the definition, without the id that ends a document.</summary>
    public static TokenizerDefinition Read(string file, byte[] json)
    {
        using JsonDocument document = JsonValue.Parse(file, json);
        JsonValue root = JsonValue.Root(file, document);
        JsonValue model = root.Member("model");
        CheckModel(model);
        CheckDecoder(root);
        PreSplit preSplit = PreTokenizerReader.ReadPreSplit(root);
        bool nfc = PreTokenizerReader.ReadsNfc(root);

        Dictionary<int, string> texts = [];
        Dictionary<string, int> ids = ReadVocabulary(model.Member("vocab"), texts);
        int[] byteIds = FindBytes(model, ids);
        HashSet<int> vocabularyIds = [.. texts.Keys];
        List<AddedToken> added = ReadAddedTokens(root, texts, ids);
        HashSet<int> special = [.. added.Where(token => token.Special).Select(token => token.Id)];
        Merge[] merges = ReadMerges(model.Member("merges"), ids, special);

        vocabularyIds.ExceptWith(special);
        Dictionary<int, string> literals = added.ToDictionary(token => token.Id, token => token.Content);
        byte[]?[] tokens = ReadBytes(root, texts, literals);
        bool wholeWords = model.Flag("ignore_merges");
        return new TokenizerDefinition
        {
            Vocabulary = new BpeVocabulary(tokens, merges, preSplit, wholeWords ? vocabularyIds : [])
            {
                ByteIds = byteIds,
            },
            AddedTokens = added,
            Literals = literals,
            NormalizesToNfc = nfc,
        };
    }

    private static void CheckModel(JsonValue model)
    {
        // Old files leave the type out; their model is BPE if it has merges.
        if (model.TryMember("type", out JsonValue type) && type.Text() != "BPE")
            throw type.Wrong($"is {JsonValue.Quote(type.Text())}; only byte-level BPE tokenizers can be read");
        if (model.TryMember("dropout", out JsonValue dropout) && dropout.Element.GetRawText() is not ("0" or "0.0"))
            throw dropout.Wrong("makes ids random, which is not supported; set it to null");
        if (model.Flag("byte_fallback"))
            throw model.Member("byte_fallback").Wrong("is true; only byte-level BPE tokenizers can be read");
        foreach (string name in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (model.TryMember(name, out JsonValue affix) && affix.Text().Length > 0)
                throw affix.Wrong("is not empty; only byte-level BPE tokenizers can be read");
        }
    }

    private static void CheckDecoder(JsonValue root)
    {
        if (!root.TryMember("decoder", out JsonValue decoder))
            return;
        JsonValue type = decoder.Member("type");
        if (type.Text() != "ByteLevel")
            throw type.Wrong($"is {JsonValue.Quote(type.Text())}; only ByteLevel is supported");
    }

    private static Dictionary<string, int> ReadVocabulary(JsonValue vocabulary, Dictionary<int, string> texts)
    {
        Dictionary<string, int> ids = new(StringComparer.Ordinal);
        foreach ((string text, JsonValue value) in vocabulary.Members())
        {
            int id = value.Id();
            if (!texts.TryAdd(id, text))
                throw value.Wrong($"is {id}, the id of {JsonValue.Quote(texts[id])} too");
            ids.Add(text, id);
        }
        return ids;
    }

    private static List<AddedToken> ReadAddedTokens(JsonValue root, Dictionary<int, string> texts,
        Dictionary<string, int> ids)
    {
        List<AddedToken> tokens = [];
        if (!root.TryMember("added_tokens", out JsonValue list))
            return tokens;
        HashSet<int> seen = [];
        foreach (JsonValue item in list.Items())
        {
            int id = item.Member("id").Id();
            JsonValue content = item.Member("content");
            string text = content.Text();
            bool special = item.Flag("special");
            if (text.Length == 0 || Encoding.UTF8.GetByteCount(text) > AddedToken.LongestContent)
                throw content.Wrong($"must have 1 to {AddedToken.LongestContent} bytes");
            if (item.Flag("single_word"))
                throw item.Member("single_word").Wrong("is true, which is not supported");
            if (ids.TryGetValue(text, out int known) && known != id)
                throw item.Member("id").Wrong($"is {id}, but {JsonValue.Quote(text)} has the id {known} already");
            if (!seen.Add(id) || (texts.TryGetValue(id, out string? other) && other != text))
                throw item.Member("id").Wrong($"is {id}, the id of another token too");
            texts[id] = text;
            ids[text] = id;
            tokens.Add(new AddedToken(id, text)
            {
                Special = special,
                Normalized = item.Flag("normalized", otherwise: !special),
                StripLeft = item.Flag("lstrip"),
                StripRight = item.Flag("rstrip"),
            });
        }
        return tokens;
    }

    private static Merge[] ReadMerges(JsonValue list, Dictionary<string, int> ids, HashSet<int> special)
    {
        List<Merge> merges = [];
        foreach (JsonValue item in list.Items())
        {
            (string left, string right) = ReadPair(item);
            Merge merge = new(Find(item, left, ids), Find(item, right, ids), Find(item, left + right, ids));
            if (special.Contains(merge.Result))
                throw item.Wrong($"makes the special token {JsonValue.Quote(left + right)} out of plain text");
            merges.Add(merge);
        }
        return [.. merges];
    }

    private static (string Left, string Right) ReadPair(JsonValue item)
    {
        if (item.Element.ValueKind == JsonValueKind.Array)
        {
            JsonValue[] parts = [.. item.Items().Take(3)];
            if (parts.Length == 2)
                return (parts[0].Text(), parts[1].Text());
        }
        else
        {
            string text = item.Text();
            int space = text.IndexOf(' ', StringComparison.Ordinal);
            if (space > 0 && space + 1 < text.Length && text.IndexOf(' ', space + 1) < 0)
                return (text[..space], text[(space + 1)..]);
        }
        throw item.Wrong("must be two tokens: \"left right\" or [\"left\", \"right\"]");
    }

    private static int Find(JsonValue merge, string text, Dictionary<string, int> ids) =>
        ids.TryGetValue(text, out int id)
            ? id
            : throw merge.Wrong($"needs the token {JsonValue.Quote(text)}, which model.vocab lacks");

    private static byte[]?[] ReadBytes(JsonValue root, Dictionary<int, string> texts, Dictionary<int, string> literals)
    {
        int highest = texts.Count == 0 ? -1 : texts.Keys.Max();
        if (highest >= 2L * texts.Count + FreeIds)
        {
            throw root.Wrong($"{JsonValue.Quote(texts[highest])} has the id {highest}, " +
                $"far above the number of tokens ({texts.Count})");
        }
        byte[]?[] tokens = new byte[highest + 1][];
        foreach ((int id, string text) in texts)
        {
            byte[]? bytes = literals.ContainsKey(id) ? null : ByteSpelling.TryRead(text);
            if (bytes is null)
            {
                // What is not spelled byte by byte stands for itself.
                literals[id] = text;
                bytes = Encoding.UTF8.GetBytes(text);
            }
            tokens[id] = bytes;
        }
        return tokens;
    }

    private static int[] FindBytes(JsonValue model, Dictionary<string, int> ids)
    {
        int[] byteIds = new int[256];
        for (int value = 0; value < 256; value++)
        {
            string spelling = ByteSpelling.Of((byte)value).ToString();
            if (!ids.TryGetValue(spelling, out byteIds[value]))
                throw model.Member("vocab")
                    .Wrong($"lacks '{spelling}', the token of byte 0x{value:X2}; a byte-level BPE has all 256");
        }
        return byteIds;
    }
}
