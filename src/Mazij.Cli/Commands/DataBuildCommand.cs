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
            "A run file uses them by data.shards. The folder appears when everything in it is whole; a build that was\n" +
            "stopped or killed goes on where it was when the same command is given again.\n\n" +
            "Example: mazij data build --input books/ web.jsonl.zst --out shards --vocab-size 16000\n" +
            "         xzcat web.jsonl.xz | mazij data build --input - --out shards --tokenizer tokenizer")
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
            string folder = parsed.GetRequiredValue(output);
            BpeTokenizer? given = tokenizerPath is not null ? Tokenizer.Load(tokenizerPath) : null;
            Corpus corpus = corpusOptions.Open(parsed, config);
            using Interruption interruption = new("mazij: stopping; the same command goes on from what is done");
            ConsoleProgress console = new();
            if (given is not null)
            {
                PreparedData.Build(corpus, given, config, folder, threads, console.ShowPreparation, recipe: "", interruption.Token);
                return 0;
            }
            // The text is read twice: for the tokenizer, then for the shards.
            using InputSpool? spool = CorpusOptionSet.Spool(config, folder, console.ShowPreparation, interruption.Token);
            if (spool is not null)
                corpus = corpusOptions.Open(parsed, config, spool);
            TokenizerConfig training = new() { VocabSize = parsed.GetValue(vocabSize) ?? new TokenizerConfig().VocabSize };
            PreparedData.TrainAndBuild(corpus, training, config, folder, threads, console.ShowPreparation, interruption.Token);
            return 0;
        }));
        return command;
    }
}
