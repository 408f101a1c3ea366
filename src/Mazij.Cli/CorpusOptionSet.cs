using System.CommandLine;
using Mazij.Configuration;
using Mazij.Text.Corpora;

namespace Mazij.Cli;

/// <summary>The options of the commands that read a corpus.</summary>
internal sealed class CorpusOptionSet
{
    private readonly Option<string[]> input = new("--input")
    {
        Description = $"Text: .txt, .md or .jsonl files, folders, globs, or {Corpus.DotnetDocs}, the .NET SDK's documentation.",
        HelpName = "PATH",
        Required = true,
        AllowMultipleArgumentsPerToken = true,
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string> textField = new("--text-field")
    {
        Description = "The field of a .jsonl line that holds the text.",
        HelpName = "FIELD",
        DefaultValueFactory = _ => "text",
    };

    private readonly Option<long?> maxBytes = new("--max-bytes") { Description = "Read at most this many bytes of text.", HelpName = "N" };

    private readonly Option<int> threads = new("--threads")
    {
        Description = "Threads; 0 uses all cores. The result does not depend on it.",
        HelpName = "N",
    };

    /// <summary>Adds the options to a command.</summary>
    public CorpusOptionSet(Command command)
    {
        command.Options.Add(input);
        command.Options.Add(textField);
        command.Options.Add(maxBytes);
        command.Options.Add(threads);
    }

    /// <summary>The corpus as the command line describes it.</summary>
    /// <exception cref="InputException">An option is out of range.</exception>
    public DataConfig Read(ParseResult parsed)
    {
        DataConfig config = new()
        {
            Corpus = parsed.GetRequiredValue(input),
            TextField = parsed.GetRequiredValue(textField),
            MaxBytes = parsed.GetValue(maxBytes),
        };
        if (config.TextField.Length == 0)
            throw new InputException("--text-field is empty; name the field of a .jsonl line that holds the text");
        return config.MaxBytes is null or >= 1
            ? config
            : throw new InputException($"--max-bytes is {config.MaxBytes}; it must be at least 1");
    }

    /// <summary>Finds the files of the corpus.</summary>
    /// <exception cref="InputException">There are none.</exception>
    public static Corpus Open(DataConfig config) =>
        Corpus.Open(config.Corpus, new CorpusOptions { JsonField = config.TextField, MaximumBytes = config.MaxBytes });

    /// <summary>Threads to use; 0 for one per processor.</summary>
    /// <exception cref="InputException">The number is out of range.</exception>
    public int ReadThreads(ParseResult parsed)
    {
        int count = parsed.GetValue(threads);
        return count is >= 0 and <= 4096 ? count : throw new InputException($"--threads is {count}; it must be from 0 to 4096");
    }
}
