using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using Mazij.Text.Tokenizers;

namespace Mazij.Tests.Text.Tokenizers;

/// <summary>
/// Hugging Face's own library reads our files and must agree. It runs on Node.js, from tests/checkers.
/// </summary>
public sealed class HuggingFaceTests
{
    public static TheoryData<string, bool> Files
    {
        get
        {
            TheoryData<string, bool> files = [];
            foreach (PreSplit split in PreSplit.All)
                files.Add(split.Name, false);
            files.Add("qwen2", true);
            return files;
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void It_gives_our_ids_for_our_files(string preSplit, bool nfc)
    {
        string checker = RequireChecker();
        string folder = Directory.CreateTempSubdirectory("mazij-test-").FullName;
        try
        {
            TokenizerTrainerTests.Train(SampleTexts.Corpus,
                new() { VocabularySize = 1000, PreSplit = PreSplit.Named(preSplit) }).Save(folder);
            if (nfc)
                AddNfc(Path.Combine(folder, "tokenizer.json"));
            BpeTokenizer tokenizer = Tokenizer.Load(folder);
            string[] texts = [.. SampleTexts.All, .. RandomTexts(preSplit)];
            (int[] Ids, string Text)[] results = RunChecker(checker, folder, texts);
            for (int i = 0; i < texts.Length; i++)
            {
                int[] ids = tokenizer.Encode(texts[i]);
                Assert.True(results[i].Ids.SequenceEqual(ids),
                    $"{JsonSerializer.Serialize(texts[i])}: [{string.Join(' ', ids)}]" +
                    $" but the library gives [{string.Join(' ', results[i].Ids)}]");
                Assert.Equal(results[i].Text, Encoding.UTF8.GetString(tokenizer.Decode(ids)));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void It_parses_special_tokens_as_we_do_on_request()
    {
        string checker = RequireChecker();
        string folder = Directory.CreateTempSubdirectory("mazij-test-").FullName;
        try
        {
            BpeTokenizer tokenizer = TokenizerTrainerTests.Train(SampleTexts.Corpus,
                new() { VocabularySize = 600, SpecialTokens = ["<|endoftext|>", "<|im_start|>", "<|im"] });
            tokenizer.Save(folder);
            string[] texts = ["<|im_start|>user\nhi<|im<|endoftext|>", "<|endoftext|><|endoftext|>",
                "x <|im_star t|> <|im_start|> y"];
            (int[] Ids, string Text)[] results = RunChecker(checker, folder, texts);
            Assert.Equal(results.Select(result => result.Ids),
                texts.Select(text => tokenizer.Encode(text, parseSpecialTokens: true)));
            Assert.Equal(texts, results.Select(result => result.Text));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>
    /// Random text without the characters on which JavaScript differs from the library in Rust and from llama.cpp: its
    /// \s
    /// in GPT-2's built-in pattern has U+FEFF and lacks U+0085; and unassigned ones, whose class depends on Unicode's
    /// version.
    /// </summary>
    private static string[] RandomTexts(string preSplit)
    {
        List<string> texts = [];
        SampleTexts.Text.Sample(text =>
        {
            lock (texts)
                texts.Add(text);
        }, iter: 400);
        return [.. texts.Select(text => string.Concat(text.EnumerateRunes().Where(rune =>
            Rune.GetUnicodeCategory(rune) != System.Globalization.UnicodeCategory.OtherNotAssigned &&
            !(preSplit == "gpt-2" && rune.Value is 0xFEFF or 0x85)).Select(rune => rune.ToString())))];
    }

    private static void AddNfc(string file)
    {
        JsonNode json = JsonNode.Parse(File.ReadAllText(file))!;
        json["normalizer"] = new JsonObject { ["type"] = "NFC" };
        File.WriteAllText(file, json.ToJsonString());
    }

    private static string RequireChecker()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Mazij.slnx")))
            folder = Path.GetDirectoryName(folder);
        string checkers = Path.Combine(folder ?? "", "tests", "checkers");
        if (!Directory.Exists(Path.Combine(checkers, "node_modules", "@huggingface", "tokenizers")))
            Assert.Skip("@huggingface/tokenizers is not installed: run npm install in tests/checkers");
        try
        {
            ProcessStartInfo version = new("node", "--version") { RedirectStandardOutput = true };
            using Process node = Process.Start(version)!;
            node.WaitForExit();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("node is not installed");
        }
        return Path.Combine(checkers, "tok-ids.mjs");
    }

    private static (int[] Ids, string Text)[] RunChecker(string checker, string folder, string[] texts)
    {
        string textsFile = Path.Combine(folder, "texts.json");
        File.WriteAllText(textsFile, JsonSerializer.Serialize(texts));
        ProcessStartInfo start = new("node", [checker, Path.Combine(folder, "tokenizer.json"), textsFile])
        {
            RedirectStandardOutput = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
        using Process node = Process.Start(start)!;
        string output = node.StandardOutput.ReadToEnd();
        node.WaitForExit();
        Assert.Equal(0, node.ExitCode);
        return [.. JsonNode.Parse(output)!.AsArray().Select(item =>
            (item!["ids"]!.AsArray().Select(id => id!.GetValue<int>()).ToArray(), item["text"]!.GetValue<string>()))];
    }
}
