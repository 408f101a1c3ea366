using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Mazij.Text.Tokenizers;

namespace Mazij.Tests.Text.Tokenizers;

public sealed class TokenizerFileTests
{
    private static readonly BpeTokenizer Trained = TokenizerTrainerTests.Train(SampleTexts.Corpus,
        new() { VocabularySize = 300, SpecialTokens = ["<|endoftext|>", "<|user|>"], ModelMaxLength = 512 });

    [Fact]
    public void A_saved_tokenizer_loads_as_the_same()
    {
        string folder = Directory.CreateTempSubdirectory("mazij-test-").FullName;
        try
        {
            foreach (PreSplit split in PreSplit.All)
            {
                BpeTokenizer tokenizer = TokenizerTrainerTests.Train(SampleTexts.Corpus,
                    new() { VocabularySize = 600, PreSplit = split });
                tokenizer.Save(Path.Combine(folder, split.Name));
                BpeTokenizer loaded = Tokenizer.Load(Path.Combine(folder, split.Name));
                Assert.Equal(tokenizer.Hash, loaded.Hash);
                Assert.Equal(split, loaded.PreSplit);
                Assert.Equal(599, loaded.EndOfTextId);
                Assert.Equal(Enumerable.Range(-1, 602).Select(tokenizer.Spelling), Enumerable.Range(-1, 602)
                    .Select(loaded.Spelling));
                foreach (string text in SampleTexts.All)
                    Assert.Equal(tokenizer.Encode(text, true), loaded.Encode(text, true));
                loaded.Save(Path.Combine(folder, "copy"));
                Assert.Equal(loaded.Hash, Tokenizer.Load(Path.Combine(folder, "copy", "tokenizer.json")).Hash);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void The_end_of_text_comes_from_the_config_or_from_a_usual_name()
    {
        Assert.Equal(298, Read(_ => { }).EndOfTextId);
        Assert.Equal(299, Read(_ => { }, """{"eos_token": "<|user|>"}""").EndOfTextId);
        Assert.Equal(299, Read(_ => { }, """{"eos_token": {"content": "<|user|>"}}""").EndOfTextId);
        Assert.Null(Read(_ => { }, """{"eos_token": null}""").EndOfTextId);
        Assert.Contains("tokenizer_config.json: eos_token is '</s>'",
            Assert.Throws<InputException>(() => Read(_ => { }, """{"eos_token": "</s>"}""")).Message);
    }

    [Fact]
    public void Merges_may_be_pairs() => Assert.Equal(Trained.Encode("the function"), Read(json =>
        json["model"]!["merges"] = new JsonArray([.. json["model"]!["merges"]!.AsArray()
            .Select(merge => new JsonArray([.. merge!.GetValue<string>().Split(' ')
                .Select(part => JsonValueOf(part))]))])).Encode("the function"));

    [Fact]
    public void Ignore_merges_takes_whole_words_first()
    {
        void Change(JsonNode json)
        {
            json["model"]!["ignore_merges"] = true;
            json["model"]!["vocab"]!["Ġzebra"] = 300;
            json["model"]!["vocab"]!["Ġ" + new string('z', 60)] = 301;
        }
        BpeTokenizer tokenizer = Read(Change);
        Assert.Equal([300, 301], tokenizer.Encode(" zebra " + new string('z', 60)));
        Assert.NotEqual([300], tokenizer.Encode(" zebras"));
    }

    [Fact]
    public void Added_tokens_that_are_not_special_are_found_in_any_text_and_swallow_white_space_if_they_say_so()
    {
        BpeTokenizer tokenizer = Read(json =>
        {
            JsonArray added = json["added_tokens"]!.AsArray();
            added.Add(JsonNode.Parse("""{"id": 300, "content": "<think>", "special": false, "normalized": false}"""));
            added.Add(JsonNode.Parse("""{"id": 301, "content": "<think>x", "special": false}"""));
            added.Add(JsonNode.Parse("""{"id": 302, "content": "<mask>", "lstrip": true, "special": true, "rstrip": true}"""));
        });
        Assert.Equal([300, (int)'y'], tokenizer.Encode("<think>y"));
        Assert.Equal([(int)'y', 302, (int)'z'], tokenizer.Encode("y \u3000<mask>\n z", parseSpecialTokens: true));
        Assert.Equal(303, tokenizer.VocabularySize);
    }

    [Fact]
    public void Nfc_is_applied_if_the_file_asks()
    {
        Assert.NotEqual(Trained.Encode("é"), Trained.Encode("e\u0301"));
        BpeTokenizer tokenizer = Read(json => json["normalizer"] = JsonNode.Parse("""{"type": "NFC"}"""));
        Assert.Equal(Trained.Encode("é"), tokenizer.Encode("e\u0301"));
    }

    public static TheoryData<string, string> Faults => new()
    {
        { "model", "has no 'model'" },
        { "model.type=\"Unigram\"", "model.type is 'Unigram'" },
        { "model.vocab=[]", "model.vocab must be an object, not array" },
        { "model.vocab={}", "model.vocab lacks 'Ā', the token of byte 0x00" },
        { "model.vocab.Ā=65", "65, the id of" },
        { "model.vocab.Ā=-1", "model.vocab['Ā'] is '-1', not an id" },
        { "model.vocab.Ā=1e99", "model.vocab['Ā'] is '1e99', not an id" },
        { "model.vocab.Ā=2147483647", "far above the number of tokens" },
        { "model.vocab.Ā=\"x\"", "model.vocab['Ā'] must be a number, not string" },
        { "model.merges=[\"a qq\"]", "'qq', which model.vocab lacks" },
        { "model.merges=[\"Ā Ā\"]", "model.merges[0] needs the token 'ĀĀ'" },
        { "model.merges=[\"a b c\"]", "model.merges[0] must be two tokens" },
        { "model.merges=[\"ab\"]", "model.merges[0] must be two tokens" },
        { "model.merges=[[\"a\"]]", "model.merges[0] must be two tokens" },
        { "model.merges=[7]", "model.merges[0] must be a string, not number" },
        { "model.merges={}", "model.merges must be an array, not object" },
        { "model.dropout=0.1", "model.dropout" },
        { "model.byte_fallback=true", "model.byte_fallback" },
        { "model.byte_fallback=1", "model.byte_fallback must be true or false" },
        { "model.continuing_subword_prefix=\"##\"", "model.continuing_subword_prefix" },
        { "decoder={\"type\":\"Metaspace\"}", "decoder.type is 'Metaspace'" },
        { "normalizer={\"type\":\"Lowercase\"}", "normalizer.type is 'Lowercase'" },
        { "normalizer={\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFD\"}]}",
            "normalizer.normalizers[0].type is 'NFD'" },
        { "pre_tokenizer=null", "pre_tokenizer is missing" },
        { "pre_tokenizer={\"type\":\"Whitespace\"}", "pre_tokenizer.type is 'Whitespace'" },
        { "pre_tokenizer={\"type\":\"ByteLevel\"}", "pre_tokenizer has no 'add_prefix_space'" },
        { "pre_tokenizer={\"type\":\"ByteLevel\",\"add_prefix_space\":true}",
            "pre_tokenizer.add_prefix_space is true" },
        { "pre_tokenizer={\"type\":\"Sequence\",\"pretokenizers\":[]}", "pre_tokenizer has no ByteLevel" },
        { "pre_tokenizer.pretokenizers[0].pattern.Regex=\"\\\\w+\"",
            "pre_tokenizer splits by '\\w+', which is none of the known" },
        { "pre_tokenizer.pretokenizers[0].behavior=\"Removed\"", "behavior is 'Removed'" },
        { "added_tokens[0].content=\"\"", "added_tokens[0].content must have 1 to 512 bytes" },
        { "added_tokens[0].id=300.5", "added_tokens[0].id is '300.5', not an id" },
        { "added_tokens[0].id=65", "added_tokens[0].id is 65, the id of another token too" },
        { "added_tokens[1].id=298", "added_tokens[1].id is 298, the id of another token too" },
        { "added_tokens[0].single_word=true", "added_tokens[0].single_word" },
        { "added_tokens[0].content=\"A\"", "'A' has the id 65 already" },
        { "added_tokens={}", "added_tokens must be an array" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_fault_is_named_with_its_key(string fault, string message)
    {
        InputException error = Assert.Throws<InputException>(() => Read(json => Apply(json, fault)));
        Assert.StartsWith("t/tokenizer.json: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Plain_text_must_not_merge_into_a_special_token() => Assert.Contains("makes the special token 'ab'",
        Assert.Throws<InputException>(() => Read(json =>
        {
            json["added_tokens"]![0]!["content"] = "ab";
            json["model"]!["merges"]!.AsArray().Add(JsonValueOf("a b"));
        })).Message);

    [Fact]
    public void Text_that_is_not_Unicode_is_refused()
    {
        string json = Encoding.UTF8.GetString(Trained.Json.Span);
        foreach ((string key, string place) in new[] { ("model.merges[0]", "\"merges\": ["),
            ("model.vocab", "\"vocab\": {") })
        {
            string broken = json.Replace(place, place +
                (key == "model.vocab" ? "\"\\ud800\": 7," : "\"\\ud800 a\","), StringComparison.Ordinal);
            InputException error = Assert.Throws<InputException>(() => Read(Encoding.UTF8.GetBytes(broken), null));
            Assert.Matches($"{System.Text.RegularExpressions.Regex.Escape(key)}.*not valid Unicode|not JSON",
                error.Message);
        }
    }

    [Fact]
    public void What_is_not_JSON_is_refused()
    {
        string deep = new('[', 100_000);
        foreach (string text in (string[])["", "{", "[]", "null", "{}", "{\"a\":1,\"a\":2}", deep, "\0\0\0",
            "{\"model\": {\"vocab\": {\"\\ud800\": 1}}}"])
        {
            InputException error = Assert.Throws<InputException>(() => Read(Encoding.UTF8.GetBytes(text), null));
            Assert.DoesNotContain('\n', error.Message);
        }
    }

    [Fact]
    public void Damaged_files_are_refused_or_read_but_never_crash()
    {
        byte[] json = Trained.Json.ToArray();
        int refused = 0;
        Gen.Select(Gen.Int[0, json.Length - 1], Gen.Byte, Gen.Bool).Sample((at, value, cut) =>
        {
            byte[] damaged = cut ? json[..at] : [.. json];
            if (!cut)
                damaged[at] = value;
            try
            {
                Read(damaged, null).Encode("some text");
            }
            catch (InputException)
            {
                Interlocked.Increment(ref refused);
            }
        }, iter: 3_000);
        Assert.True(refused > 1_000);
    }

    [Fact]
    public void A_missing_file_is_named() => Assert.Contains("/no/such/folder: no such file",
        Assert.Throws<InputException>(() => Tokenizer.Load("/no/such/folder")).Message);

    private static void Apply(JsonNode json, string fault)
    {
        string[] parts = fault.Split('=', 2);
        string[] path = parts[0].Replace("[", ".", StringComparison.Ordinal).Replace("]", "", StringComparison.Ordinal)
            .Split('.');
        JsonNode parent = json;
        foreach (string step in path[..^1])
            parent = int.TryParse(step, out int index) ? parent[index]! : parent[step]!;
        if (parts.Length == 1)
            parent.AsObject().Remove(path[^1]);
        else
            parent[path[^1]] = JsonNode.Parse(parts[1]);
    }

    private static System.Text.Json.Nodes.JsonValue JsonValueOf(string text) =>
        System.Text.Json.Nodes.JsonValue.Create(text);

    private static BpeTokenizer Read(Action<JsonNode> change, string? config = null)
    {
        JsonNode json = JsonNode.Parse(Trained.Json.Span)!;
        change(json);
        return Read(Encoding.UTF8.GetBytes(json.ToJsonString()), config);
    }

    private static BpeTokenizer Read(byte[] json, string? config) => Tokenizer.Read("t/tokenizer.json", json,
        "t/tokenizer_config.json", config is null ? null : Encoding.UTF8.GetBytes(config));
}
