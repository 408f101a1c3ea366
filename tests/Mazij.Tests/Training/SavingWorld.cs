using Mazij.Configuration;
using Mazij.Data;
using Mazij.Tests.Data;
using Mazij.Text.Corpora;
using Mazij.Text.Tokenizers;
using Mazij.Training;

namespace Mazij.Tests.Training;

/// <summary>A run's folder in a temporary one, and what saves into it.</summary>
internal sealed class SavingWorld : IDisposable
{
    private static readonly Lazy<BpeTokenizer> tokenizer = new(() =>
    {
        using TemporaryFolder folder = new();
        string text = folder.Write("corpus.txt", string.Concat(Enumerable.Range(0, 400).Select(number => $"line {number % 37} of the text. ")));
        return PreparedData.Train(
            Corpus.Open([text]), new TokenizerConfig { VocabSize = 270 }, threads: 1, _ => { }, CancellationToken.None);
    });

    // In memory where there is such a folder: these tests make thousands of changes and flush each.
    private readonly string root = Path.Combine(
        Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), "mazij-test-" + Guid.NewGuid().ToString("N"));

    public SavingWorld() => Run = RunFolder.New(Path.Combine(root, "run"));

    public RunFolder Run { get; }

    /// <summary>Saves what a run's checkpoints are.</summary>
    public RunSaver SaverOf(ModelCheckpoint checkpoint, int keep = 2)
    {
        Directory.CreateDirectory(Run.Path);
        return new RunSaver(
            checkpoint, Run.Checkpoints, new ModelFolderExport(checkpoint, tokenizer.Value, Run), new MetricsFile(Run.MetricsFile), keep);
    }

    /// <summary>The names in the checkpoints folder and beside it.</summary>
    public string[] Names() =>
    [
        .. Directory.GetFileSystemEntries(Run.Path).Concat(Directory.GetFileSystemEntries(Run.Checkpoints.Path))
            .Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal),
    ];

    /// <summary>Forgets everything that was saved.</summary>
    public void Clear()
    {
        if (Directory.Exists(Run.Path))
            Directory.Delete(Run.Path, recursive: true);
        Directory.CreateDirectory(Run.Path);
    }

    public void Dispose()
    {
        if (Directory.Exists(root))
            Directory.Delete(root, recursive: true);
    }
}
