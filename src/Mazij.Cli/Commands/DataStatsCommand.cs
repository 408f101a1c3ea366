using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Mazij.Data;
using Mazij.Text.Tokenizers;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij data stats</c>.</summary>
internal static class DataStatsCommand
{
    private const int ShownTokens = 10;

    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Argument<string?> folder = new("DIR") { Description = "A folder made by mazij data build.", Arity = ArgumentArity.ZeroOrOne };
        Option<bool> json = new("--json") { Description = "Print the figures as JSON." };
        Command command = new(
            "stats",
            "Check token shards, or read a corpus, and count what is in it; says how fast a corpus is read.\n\n" +
            "Example: mazij data stats shards\n" +
            "         mazij data stats --input web.parquet --text-field content")
        { folder, json };
        CorpusOptionSet corpusOptions = new(command, isRequired: false, hasThreads: false);
        command.SetAction(parsed => Failures.Guard(() =>
        {
            string? path = parsed.GetValue(folder);
            if ((path is null) != corpusOptions.IsGiven(parsed))
                throw new InputException("name a folder of shards, or a corpus by --input PATH, one of them");
            if (path is null)
            {
                CorpusReport.Run(corpusOptions.Open(parsed, corpusOptions.Read(parsed)), parsed.GetValue(json));
                return 0;
            }
            if (!Directory.Exists(path))
                throw new InputException($"{MessageText.OneLine(path, 200)}: there is no such folder{ModelFolder.Hint(path, [])}");
            using TokenDataset dataset = TokenDataset.Open(path);
            DatasetStatistics statistics = DatasetStatistics.Compute(dataset, ShownTokens);
            if (parsed.GetValue(json))
                PrintJson(statistics);
            else
                Print(statistics, TokenizerOf(path, dataset.Manifest));
            return 0;
        }));
        return command;
    }

    /// <summary>The tokenizer beside the shards, if it is the one that made them.</summary>
    private static BpeTokenizer? TokenizerOf(string folder, DatasetManifest manifest)
    {
        if (!File.Exists(Path.Combine(folder, TokenizerFile.Name)))
            return null;
        BpeTokenizer tokenizer = Tokenizer.Load(folder);
        return tokenizer.Hash == manifest.TokenizerHash ? tokenizer : null;
    }

    private static void Print(DatasetStatistics statistics, BpeTokenizer? tokenizer)
    {
        DatasetManifest manifest = statistics.Manifest;
        TableView table = new("", ">training", ">validation");
        void Row(string name, Func<SplitStatistics, string> value) => table.Add(name, value(statistics.Train), value(statistics.Validation));
        Row("documents", split => Number(split.Documents));
        Row("bytes of text", split => Number(split.TextBytes));
        Row("tokens", split => Number(split.Tokens));
        Row("bytes per token", split => split.BytesPerToken.ToString("F2", CultureInfo.InvariantCulture));
        Row("distinct tokens", split => Number(split.DistinctTokens));
        Row("tokens of the median document", split => Number(split.MedianDocumentTokens));
        Row("tokens of the longest document", split => Number(split.LongestDocument?.Tokens ?? 0));
        Row("shards", split => Number(split.Shards));
        table.Print();
        Console.Out.WriteLine($"corpus      {TerminalText.CleanLine(manifest.Corpus)}; {Number(manifest.Duplicates)} duplicates dropped ({Number(manifest.DuplicateBytes)} bytes)");
        Console.Out.WriteLine($"tokenizer   {Number(manifest.VocabularySize)} entries, sha256 {TerminalText.CleanLine(manifest.TokenizerHash)}");
        if (manifest.Gzip.BitsPerByte is double bits)
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"gzip -9     {bits:F3} bits per byte of the validation text"));
        if (tokenizer is not null)
            Console.Out.WriteLine($"frequent    {TerminalText.CleanLine(string.Join("  ", statistics.Train.MostFrequent.Select(token => tokenizer.Spelling(token.Id))))}");
    }

    private static void PrintJson(DatasetStatistics statistics)
    {
        DatasetManifest manifest = statistics.Manifest;
        JsonOutput.Write(new JsonObject
        {
            ["corpus"] = manifest.Corpus,
            ["tokenizer_hash"] = manifest.TokenizerHash,
            ["vocabulary_size"] = manifest.VocabularySize,
            ["end_of_text_id"] = manifest.EndOfTextId,
            ["duplicates"] = manifest.Duplicates,
            ["duplicate_bytes"] = manifest.DuplicateBytes,
            ["gzip_bits_per_byte"] = manifest.Gzip.BitsPerByte,
            ["train"] = Describe(statistics.Train),
            ["validation"] = Describe(statistics.Validation),
        });
    }

    private static JsonObject Describe(SplitStatistics split) => new()
    {
        ["documents"] = split.Documents,
        ["text_bytes"] = split.TextBytes,
        ["tokens"] = split.Tokens,
        ["bytes_per_token"] = split.BytesPerToken,
        ["distinct_tokens"] = split.DistinctTokens,
        ["median_document_tokens"] = split.MedianDocumentTokens,
        ["longest_document_tokens"] = split.LongestDocument?.Tokens ?? 0,
        ["shards"] = split.Shards,
        ["most_frequent"] = new JsonArray([.. split.MostFrequent.Select(token => new JsonObject { ["id"] = token.Id, ["count"] = token.Count })]),
    };

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
