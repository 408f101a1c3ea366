using Mazij.Configuration;
using Mazij.Formats;

namespace Mazij.Training;

/// <summary>A run's folder: run.yaml, metrics.jsonl, checkpoints/, model/, tokenizer files.</summary>
internal sealed class RunFolder
{
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
