using System.Globalization;
using Mazij.Training;
using Spectre.Console;

namespace Mazij.Cli.LiveView;

/// <summary>Where the recipe stands, in one line: the batch, the length of its sequences, the mixture of sources.</summary>
internal static class RecipeLine
{
    private const string Gap = "   ";

    /// <summary>Draws the line.</summary>
    /// <param name="step">The last step.</param>
    /// <param name="phase">Where the recipe stood then.</param>
    /// <param name="width">Cells it may fill.</param>
    /// <param name="glyphs">What the terminal can show.</param>
    public static StyledLine Draw(StepRecord step, RecipePhase phase, int width, Glyphs glyphs)
    {
        StyledLine line = new StyledLine(width, glyphs).Add("batch ", Palette.Label).Add(Figure.Whole(step.Sequences));
        if (step.Sequences < phase.FullSequences)
            line.Add($" of {Figure.Whole(phase.FullSequences)}", Palette.Label);
        line.Add($" x {Figure.Whole(step.SequenceLength)} tokens");
        if (phase.IsLong)
            line.Add(", long context", Palette.Notable);
        if (phase.Mixture.Count > 0)
        {
            line.Add(Gap + "mixture ", Palette.Label);
            line.Add(Mixture(phase.Mixture, line.Room, glyphs));
        }
        return line;
    }

    /// <summary>The sources in use, the largest first, as many as there is room for, and how many more there are.</summary>
    private static string Mixture(IReadOnlyList<SourceShare> mixture, int room, Glyphs glyphs)
    {
        string[] shares =
        [
            .. mixture.Where(source => source.Share > 0).OrderByDescending(source => source.Share)
                .Select(source => string.Create(CultureInfo.InvariantCulture, $"{glyphs.Text(source.Source)} {100 * source.Share:0.#} %")),
        ];
        for (int shown = shares.Length; shown > 1; shown--)
        {
            string text = string.Join(", ", shares[..shown]) + (shown < shares.Length ? $", {shares.Length - shown} more" : "");
            if (text.GetCellWidth() <= room)
                return text;
        }
        return shares.Length > 1 ? $"{shares[0]}, {shares.Length - 1} more" : string.Concat(shares);
    }
}
