using Mazij.Cli.Inspection;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Formats.HuggingFace;
using Mazij.Models;
using Mazij.Training;

namespace Mazij.Cli.Aligning;

/// <summary>The model that executions are compared on, as it was named.</summary>
/// <param name="Name">How it was named.</param>
/// <param name="Config">Its shape.</param>
/// <param name="Folder">Where its weights are; null for fresh ones.</param>
/// <param name="Run">The run file, whose data it is trained on; null for made-up text.</param>
internal sealed record AlignedModel(string Name, ModelConfig Config, string? Folder, RunConfig? Run)
{
    /// <summary>Finds out what a name stands for.</summary>
    /// <exception cref="InputException">It is no preset, run file or model folder.</exception>
    public static AlignedModel Resolve(string name)
    {
        Subject subject = Subject.Resolve(name);
        switch (subject.Kind)
        {
            case SubjectKind.Preset:
                return new AlignedModel(name, ModelPresets.Find(subject.Path)!, null, null);
            case SubjectKind.RunFile:
                RunConfig run = RunConfig.Load(subject.Path, []);
                return new AlignedModel(name, RunModel.Resolve(run.Model, subject.Path), run.Model.Path, run);
            case SubjectKind.ModelFolder or SubjectKind.RunFolder:
                string folder = ModelFolder.Resolve(subject.Path);
                return new AlignedModel(name, HuggingFaceModel.ReadConfig(folder), folder, null);
            default:
                throw new InputException($"{name}: is no model; name a preset, a run file or a model folder (presets: {string.Join(", ", ModelPresets.Names)})");
        }
    }

    /// <summary>The run's data, made if it is not there yet, and the model that fits it.</summary>
    /// <param name="say">Shows people how far it is.</param>
    /// <param name="cancellation">Ends the making.</param>
    /// <exception cref="InputException">The data is unfit, or its tokenizer too large for the model.</exception>
    public (PreparedData Data, ModelConfig Model) Prepare(Action<string> say, CancellationToken cancellation)
    {
        RunConfig run = RunModel.WithItsTokenizer(Run!);
        PreparedData data = PreparedData.Find(run.Data, run.Tokenizer, CacheFolder.Path) ?? PreparedData.Make(
            run.Data, run.Tokenizer, CacheFolder.Path, run.Training.Threads,
            progress =>
            {
                if (progress.IsDone)
                    say($"{progress.Stage,-11} {TerminalText.Clean(progress.Detail)}");
            },
            cancellation);
        try
        {
            return (data, RunModel.Fitting(Config, data.Tokenizer, Name));
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }
}
