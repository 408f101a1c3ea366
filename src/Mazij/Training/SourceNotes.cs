using System.Globalization;
using Mazij.Data;

namespace Mazij.Training;

/// <summary>Says, when a run of several sources starts, what each of them holds.</summary>
internal sealed class SourceNotes(SampledBatches batches) : TrainingCallback
{
    /// <inheritdoc/>
    public override void RunStarting(Trainer trainer)
    {
        if (batches.Sources.Count == 1)
            return;
        foreach (SampleSource source in batches.Sources)
        {
            trainer.Note(string.Create(CultureInfo.InvariantCulture,
                $"source {source.Name}: {source.Split.Tokens / 1e6:0.00} M training tokens{(source.ShareLeftOut > 0 ? $", {100 * source.ShareLeftOut:0.#} % left out as another source has that text" : "")}"));
        }
    }
}
