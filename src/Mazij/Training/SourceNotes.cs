using System.Globalization;
using System.Text;
using Mazij.Training.Reports;

namespace Mazij.Training;

/// <summary>Says, when a run of several sources starts, what each of them holds.</summary>
internal sealed class SourceNotes(DataFacts data) : TrainingCallback
{
    /// <inheritdoc/>
    public override void RunStarting(Trainer trainer)
    {
        foreach (SourceFacts source in data.Sources)
        {
            StringBuilder line = new();
            CultureInfo culture = CultureInfo.InvariantCulture;
            line.Append(culture, $"source {source.Name}: {source.Train.Tokens / 1e6:0.00} M training tokens in {source.Train.Documents:N0} documents, share {100 * source.Share:0.#} %");
            if (source.Duplicates > 0)
                line.Append(culture, $", {source.Duplicates:N0} duplicates left out");
            if (source.ShareLeftOut > 0)
                line.Append(culture, $", {100 * source.ShareLeftOut:0.#} % left out as another source has that text");
            trainer.Note(line.ToString());
        }
    }
}
