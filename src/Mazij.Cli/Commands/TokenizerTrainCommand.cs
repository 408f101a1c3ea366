using System.CommandLine;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Text.Corpora;
using Mazij.Text.Tokenizers;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij tokenizer train</c>.</summary>
internal static class TokenizerTrainCommand
{
    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Option<string> output = new("--out")
        {
            Description = "The folder for tokenizer.json and tokenizer_config.json.",
            HelpName = "DIR",
            Required = true,
        };
        Option<int> vocabSize = new("--vocab-size")
        {
            Description = "Entries, special ones and the 256 bytes included.",
            HelpName = "N",
            DefaultValueFactory = _ => new TokenizerConfig().VocabSize,
        };
        Command command = new(
            "train",
            "Train a byte-level BPE tokenizer. The same text gives the same tokenizer, byte for byte.\n\n" +
            "Example: mazij tokenizer train --input books/ --vocab-size 16000 --out tokenizer")
        { output, vocabSize };
        CorpusOptionSet corpusOptions = new(command);
        command.SetAction(parsed => Failures.Guard(() =>
        {
            DataConfig config = corpusOptions.Read(parsed);
            int threads = corpusOptions.ReadThreads(parsed);
            string folder = parsed.GetRequiredValue(output);
            if (File.Exists(folder))
                throw new InputException($"{folder}: is a file; name a folder by --out");
            Corpus corpus = corpusOptions.Open(parsed, config);
            using Interruption interruption = new("mazij: stopping; nothing is left behind");
            ConsoleProgress console = new();
            TokenizerConfig training = new() { VocabSize = parsed.GetValue(vocabSize) };
            BpeTokenizer tokenizer = PreparedData.Train(corpus, training, threads, console.ShowPreparation, interruption.Token);
            tokenizer.Save(folder);
            if (tokenizer.VocabularySize < training.VocabSize)
                Console.Out.WriteLine($"note        no further pair of tokens repeats in this text: {tokenizer.VocabularySize:N0} entries instead of {training.VocabSize:N0}");
            return 0;
        }));
        return command;
    }
}
