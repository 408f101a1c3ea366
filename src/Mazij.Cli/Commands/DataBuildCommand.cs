using System.CommandLine;
using System.Globalization;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Text.Corpora;
using Mazij.Text.Tokenizers;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij data build</c>.</summary>
internal static class DataBuildCommand
{
    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Option<string> output = new("--out") { Description = "The folder for the shards and their tokenizer.", HelpName = "DIR", Required = true };
        Option<string?> tokenizer = new("--tokenizer") { Description = "A tokenizer.json, or a folder that holds one.", HelpName = "PATH" };
        Option<int?> vocabSize = new("--vocab-size")
        {
            Description = "Without --tokenizer: train one with so many entries (default: 8192).",
            HelpName = "N",
        };
        Option<double> validation = new("--validation-fraction")
        {
            Description = "Share of the documents kept for validation, chosen by their hash: 0 to 0.5.",
            HelpName = "X",
            DefaultValueFactory = _ => new DataConfig().ValidationFraction,
        };
        Command command = new(
            "build",
            "Turn text into token shards that training reads: exact duplicates dropped, a validation split kept apart.\n" +
            "A run file uses them by data.shards. The folder appears when everything in it is whole.\n\n" +
            "Example: mazij data build --input books/ notes.jsonl --out shards --vocab-size 16000")
        { output, tokenizer, vocabSize, validation };
        CorpusOptionSet corpusOptions = new(command);
        command.SetAction(parsed => Failures.Guard(() =>
        {
            DataConfig config = corpusOptions.Read(parsed) with { ValidationFraction = parsed.GetValue(validation) };
            if (!(config.ValidationFraction is >= 0 and <= 0.5))
                throw new InputException($"--validation-fraction is {config.ValidationFraction.ToString(CultureInfo.InvariantCulture)}; it must be from 0 to 0.5");
            string? tokenizerPath = parsed.GetValue(tokenizer);
            if (tokenizerPath is not null && parsed.GetValue(vocabSize) is not null)
                throw new InputException("--tokenizer has its vocabulary; give it or --vocab-size");
            int threads = corpusOptions.ReadThreads(parsed);
            Corpus corpus = CorpusOptionSet.Open(config);
            using Interruption interruption = new("mazij: stopping; nothing is left behind");
            ConsoleProgress console = new();
            BpeTokenizer ready = tokenizerPath is not null
                ? Tokenizer.Load(tokenizerPath)
                : PreparedData.Train(
                    corpus, new TokenizerConfig { VocabSize = parsed.GetValue(vocabSize) ?? new TokenizerConfig().VocabSize }, threads,
                    console.ShowPreparation, interruption.Token);
            PreparedData.Build(corpus, ready, config, parsed.GetRequiredValue(output), threads, console.ShowPreparation, interruption.Token);
            return 0;
        }));
        return command;
    }
}
