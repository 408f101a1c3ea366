using System.CommandLine;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Text.Corpora;

namespace Mazij.Cli;

/// <summary>The options of the commands that read a corpus.</summary>
internal sealed class CorpusOptionSet
{
    private readonly Option<string[]> input = new("--input")
    {
        Description = "Text: .txt, .md, .jsonl (also .gz, .zst) or .parquet files, folders, globs, - for standard input, "
            + $"or {Corpus.DotnetDocs}, the .NET SDK's documentation.",
        HelpName = "PATH",
        AllowMultipleArgumentsPerToken = true,
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string> textField = new("--text-field")
    {
        Description = "The field of a .jsonl line, or the column of a .parquet file, that holds the text.",
        HelpName = "FIELD",
        DefaultValueFactory = _ => "text",
    };

    private readonly Option<string> inputFormat = new("--input-format")
    {
        Description = "What standard input holds: jsonl or txt.",
        HelpName = "jsonl|txt",
        DefaultValueFactory = _ => "jsonl",
    };

    private readonly Option<bool> keepDuplicates = new("--keep-duplicates")
    {
        Description = "Keep documents whose text came before: takes no memory to know them by, else 10 to 13 bytes a document.",
    };

    private readonly Option<long?> maxBytes = new("--max-bytes") { Description = "Read at most this many bytes of text.", HelpName = "N" };

    private readonly Option<int> threads = new("--threads")
    {
        Description = "Threads; 0 uses all cores. The result does not depend on it.",
        HelpName = "N",
    };

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="isRequired">Whether the command can do nothing without a corpus.</param>
    /// <param name="hasThreads">Whether it uses several threads.</param>
    public CorpusOptionSet(Command command, bool isRequired = true, bool hasThreads = true)
    {
        input.Required = isRequired;
        command.Options.Add(input);
        command.Options.Add(inputFormat);
        command.Options.Add(textField);
        command.Options.Add(keepDuplicates);
        command.Options.Add(maxBytes);
        if (hasThreads)
            command.Options.Add(threads);
    }

    /// <summary>Whether a corpus is named.</summary>
    public bool IsGiven(ParseResult parsed) => parsed.GetValue(input) is { Length: > 0 };

    /// <summary>The corpus as the command line describes it.</summary>
    /// <exception cref="InputException">An option is out of range.</exception>
    public DataConfig Read(ParseResult parsed)
    {
        DataConfig config = new()
        {
            Corpus = parsed.GetValue(input) ?? [],
            TextField = parsed.GetRequiredValue(textField),
            MaxBytes = parsed.GetValue(maxBytes),
        };
        if (config.TextField.Length == 0)
            throw new InputException("--text-field is empty; name the field or column that holds the text");
        return config.MaxBytes is null or >= 1
            ? config
            : throw new InputException($"--max-bytes is {config.MaxBytes}; it must be at least 1");
    }

    /// <summary>Finds the files of the corpus.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="config">The corpus as <see cref="Read"/> gave it.</param>
    /// <param name="spool">Standard input as it was kept to be read more than once; null to read it itself, once.</param>
    /// <exception cref="InputException">There are none.</exception>
    public Corpus Open(ParseResult parsed, DataConfig config, InputSpool? spool = null) => Corpus.Open(config.Corpus, new CorpusOptions
    {
        JsonField = config.TextField,
        MaximumBytes = config.MaxBytes,
        DropDuplicates = !parsed.GetValue(keepDuplicates),
        StandardInput = new StandardInput(
            ReadFormat(parsed), spool is not null ? spool.Open : Console.OpenStandardInput, CanBeReadAgain: spool is not null),
    });

    /// <summary>Keeps standard input, if it is read, in a temporary file beside a folder.</summary>
    /// <returns>The file, or null if standard input is not read.</returns>
    /// <exception cref="InputException">The file cannot be written.</exception>
    public static InputSpool? Spool(
        DataConfig config, string folder, Action<PreparationProgress> progress, CancellationToken cancellation)
    {
        if (!config.Corpus.Contains(Corpus.StandardInput))
            return null;
        string path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) + $".input-{Environment.ProcessId}";
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using Stream input = Console.OpenStandardInput();
        return InputSpool.Fill(
            input, path, read => progress(new PreparationProgress("input", $"{read / 1e6:F0} MB of standard input kept", false)), cancellation);
    }

    private StandardInputFormat ReadFormat(ParseResult parsed) => parsed.GetRequiredValue(inputFormat) switch
    {
        "jsonl" => StandardInputFormat.JsonLines,
        "txt" => StandardInputFormat.Text,
        string other => throw new InputException($"--input-format is {MessageText.Quote(other)}; it must be jsonl or txt"),
    };

    /// <summary>Threads to use; 0 for one per processor.</summary>
    /// <exception cref="InputException">The number is out of range.</exception>
    public int ReadThreads(ParseResult parsed)
    {
        int count = parsed.GetValue(threads);
        return count is >= 0 and <= 4096 ? count : throw new InputException($"--threads is {count}; it must be from 0 to 4096");
    }
}
