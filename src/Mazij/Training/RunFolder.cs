using Mazij.Configuration;
using Mazij.Formats;

namespace Mazij.Training;

/// <summary>A run's folder: what decides the run, what it leaves, and where each file is.</summary>
internal sealed class RunFolder
{
    /// <summary>Name of the picture of the loss.</summary>
    public const string LossPictureName = "loss.png";

    /// <summary>Name of the picture of the experts' load.</summary>
    public const string ExpertLoadPictureName = "expert-load.png";

    private RunFolder(string path)
    {
        Path = System.IO.Path.GetFullPath(path);
        Checkpoints = new CheckpointFolder(System.IO.Path.Combine(Path, "checkpoints"));
    }

    /// <summary>The folder, absolute.</summary>
    public string Path { get; }

    /// <summary>Everything that decides what the run does, resolved.</summary>
    public string ConfigFile => System.IO.Path.Combine(Path, "run.yaml");

    /// <summary>One line for each step and each evaluation.</summary>
    public string MetricsFile => System.IO.Path.Combine(Path, "metrics.jsonl");

    /// <summary>The folder's own name, by which the run is called.</summary>
    public string Name => System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(Path)) is { Length: > 0 } name ? name : Path;

    /// <summary>What is trained on what, and how the run stands.</summary>
    public string FactsFile => System.IO.Path.Combine(Path, Reports.RunFacts.FileName);

    /// <summary>What people read.</summary>
    public string ReportFile => System.IO.Path.Combine(Path, "report.md");

    /// <summary>What the model wrote, a line for each text.</summary>
    public string SamplesFile => System.IO.Path.Combine(Path, "samples.jsonl");

    /// <summary>How many choices fell on each expert.</summary>
    public string ExpertLoadFile => System.IO.Path.Combine(Path, "expert-load.jsonl");

    /// <summary>The loss over the steps.</summary>
    public string LossPicture => System.IO.Path.Combine(Path, LossPictureName);

    /// <summary>The experts' load over the steps.</summary>
    public string ExpertLoadPicture => System.IO.Path.Combine(Path, ExpertLoadPictureName);

    /// <summary>The latest weights as a Hugging Face style folder.</summary>
    public string ModelFolder => System.IO.Path.Combine(Path, "model");

    /// <summary>Whether a run was begun in the folder.</summary>
    public bool HoldsRun => File.Exists(ConfigFile);

    /// <summary>The checkpoints.</summary>
    public CheckpointFolder Checkpoints { get; }

    /// <summary>The folder of a new run; nothing is made before <see cref="Create"/>.</summary>
    /// <exception cref="InputException">The folder holds a run already, or is no folder.</exception>
    public static RunFolder New(string path)
    {
        RunFolder run = new(path);
        if (run.HoldsRun)
            throw run.HeldAlready();
        if (File.Exists(run.Path))
            throw new InputException($"{run.Path}: is a file; name a folder by --out");
        return run;
    }

    /// <summary>Makes the folder if it is not there, and writes run.yaml.</summary>
    /// <exception cref="InputException">It cannot be made or written.</exception>
    public void Create(RunConfig config)
    {
        try
        {
            Directory.CreateDirectory(Path);
            AtomicFile.WriteText(ConfigFile, config.ToYaml());
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{Path}: cannot be written ({error.Message}); name another folder by --out", error);
        }
    }

    /// <summary>A folder as it is, whether there is a run in it or not.</summary>
    public static RunFolder At(string path) => new(path);

    /// <summary>The folder of a run to continue.</summary>
    /// <exception cref="InputException">There is no run in it.</exception>
    public static RunFolder Open(string path)
    {
        RunFolder run = new(path);
        if (!run.HoldsRun)
            throw new InputException($"{run.Path}: holds no run (no run.yaml); name the folder that an earlier mazij train wrote");
        return run;
    }

    /// <summary>What to say when a new run is asked for where there is one.</summary>
    internal InputException HeldAlready() => new($"{Path}: holds a run already; continue it by --resume {Path}, or name another folder by --out");
}
