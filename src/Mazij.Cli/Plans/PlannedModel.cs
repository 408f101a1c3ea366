using Mazij.Configuration;
using Mazij.Formats.HuggingFace;
using Mazij.Models;
using Mazij.Planning;
using Mazij.Training;

namespace Mazij.Cli.Plans;

/// <summary>A model that a plan is made for.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Shape">Its shape.</param>
internal sealed record PlannedModel(string Name, ModelShape Shape)
{
    /// <summary>Finds a model: a preset, one of the published runs' models, a run file, or a folder with config.json.</summary>
    /// <exception cref="InputException">It stands for nothing known; the message names what is near.</exception>
    public static PlannedModel Resolve(string name)
    {
        if (ModelPresets.Find(name) is ModelConfig preset)
            return new PlannedModel(name, ModelShape.Of(preset));
        NamedShapes published = PublishedRuns.BuiltIn().Models;
        if (published.Find(name) is ModelShape shape)
            return new PlannedModel(name, shape);
        if (Directory.Exists(name))
            return new PlannedModel(name, ModelShape.Of(HuggingFaceConfig.Read(name)));
        if (File.Exists(name))
            return new PlannedModel(name, ModelShape.Of(RunModel.Resolve(RunConfig.Load(name, []).Model, name)));
        string[] known = [.. ModelPresets.Names, .. published.Names];
        throw new InputException($"--model {MessageText.Quote(name)} is no preset, run file or model folder{NearestName.Hint(name, known)}; known are {string.Join(", ", known)}");
    }
}
