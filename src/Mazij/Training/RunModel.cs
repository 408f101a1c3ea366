using Mazij.Configuration;
using Mazij.Formats.HuggingFace;
using Mazij.Models;

namespace Mazij.Training;

/// <summary>The model that a run trains: a new one, or one from a folder that is trained further.</summary>
internal static class RunModel
{
    /// <summary>The shape that a run file's <c>model</c> section describes.</summary>
    /// <param name="section">A preset's name or a folder, with keys that differ, or keys alone.</param>
    /// <param name="source">The run file, for messages.</param>
    /// <exception cref="InputException">There is no such preset or folder, or the model is impossible.</exception>
    public static ModelConfig Resolve(ModelSection section, string source) =>
        // The run file in a run's folder says everything, and its weights are in the checkpoints: the folder may be gone.
        section.Path is not string folder || section.Says(typeof(ModelConfig))
            ? ModelPresets.Resolve(section, source)
            : section.Bind(HuggingFaceModel.ReadConfig(folder)).Validate(source);
}
