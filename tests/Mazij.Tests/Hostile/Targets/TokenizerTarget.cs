using System.Text;
using Mazij.Tests.Hostile.Mutations;
using Mazij.Text.Tokenizers;

namespace Mazij.Tests.Hostile.Targets;

/// <summary>tokenizer.json and tokenizer_config.json: of a tokenizer of ours, with one more of every kind of added token.</summary>
internal sealed class TokenizerTarget : HostileTarget
{
    private const string ConfigName = "tokenizer_config.json", Sample = "The model's größe: 12345 <|endoftext|> 漢字 \t\n  x<think>e\u0301";

    public TokenizerTarget(HostileWorld world)
    {
        foreach (string name in (ReadOnlySpan<string>)[TokenizerFile.Name, ConfigName])
            File.Copy(Path.Combine(world.DataPath, name), Folder[name]);
        string json = File.ReadAllText(Folder[TokenizerFile.Name]);
        const string list = "\"added_tokens\": [";
        string more = json.Replace(list, list + """
            {"id": 300, "content": "<think>", "special": false, "normalized": true, "lstrip": true, "rstrip": true, "single_word": false},
            """, StringComparison.Ordinal);
        Assert.NotEqual(json, more);
        File.WriteAllText(Folder[TokenizerFile.Name], more);
        Folder.TakeOriginals();
        Read();
    }

    public override string Name => "tokenizer";

    public override int Share => 120;

    protected override IReadOnlyList<(string File, Mutation How)> Kinds { get; } =
    [
        (TokenizerFile.Name, JsonMutations.Any), (TokenizerFile.Name, JsonMutations.Any), (TokenizerFile.Name, TextMutations.Any),
        (TokenizerFile.Name, TextMutations.Any), (TokenizerFile.Name, ByteMutations.Any), (ConfigName, JsonMutations.Any), (ConfigName, TextMutations.Any),
    ];

    public override void Read()
    {
        BpeTokenizer tokenizer = Tokenizer.Load(Folder.Path);
        foreach (bool special in (ReadOnlySpan<bool>)[false, true])
        {
            int[] ids = tokenizer.Encode(Sample, special);
            Assert.All(ids, id => Assert.InRange(id, 0, tokenizer.VocabularySize - 1));
            string text = Encoding.UTF8.GetString(tokenizer.Decode(ids));
            // Tokens that swallow white space, or stand for another form of it, change the text; others must not.
            if (tokenizer.AddedTokens.All(token => !token.StripLeft && !token.StripRight))
                Assert.Equal(Sample.Normalize(), text.Normalize());
            TokenStreamDecoder decoder = tokenizer.CreateStreamDecoder();
            foreach (int id in ids)
                _ = decoder.Append(id);
        }
        for (int id = -1; id < Math.Min(tokenizer.VocabularySize + 1, 400); id++)
            _ = tokenizer.Spelling(id);
        for (int rank = 0; rank < tokenizer.MergeCount; rank++)
            _ = tokenizer.MergeSpelling(rank);
    }
}
