using Mazij.Training;
using Mazij.Training.Reports;

namespace Mazij.Cli.LiveView;

/// <summary>The sources of the data, a line each: share now, tokens drawn, passes over it, validation.</summary>
internal static class SourceTable
{
    private const int NameWidth = 16;

    /// <summary>The columns, as the heading of the part names them.</summary>
    public const string Heading = "sources: share now, drawn, passes, validation loss, bits/byte";

    /// <summary>Draws the sources in at most so many lines, those with the largest share first.</summary>
    public static IEnumerable<StyledLine> Draw(RunView view, int width, int rows, Glyphs glyphs)
    {
        Dictionary<string, double> shares = (view.Last?.Phase?.Mixture ?? []).ToDictionary(source => source.Source, source => source.Share);
        double Share(SourceFacts source) => shares.TryGetValue(source.Name, out double now) ? now : source.Share;
        IReadOnlyDictionary<string, long> all = view.Phases.Drawn;
        foreach (SourceFacts source in view.Facts.Sources.OrderByDescending(Share).Take(rows))
        {
            long drawn = all.GetValueOrDefault(source.Name);
            double own = Math.Max(1, source.Train.Tokens * (1 - source.ShareLeftOut));
            StyledLine name = new StyledLine(NameWidth, glyphs).Add(glyphs.Text(source.Name), Palette.Label);
            StyledLine line = new StyledLine(width, glyphs).Add(name).PadTo(NameWidth)
                .Add(Figure.Percent(Share(source), 1).PadLeft(8)).Add(Quantity.Count(drawn).PadLeft(9)).Add(Figure.Of(drawn / own, 2).PadLeft(8));
            if (view.SourceLosses.FirstOrDefault(each => each.Source == source.Name) is SourceEvaluation last)
                line.Add(Figure.Of(last.Loss, 4).PadLeft(10), Palette.Validation).Add(Figure.Of(last.BitsPerByte, 3).PadLeft(8));
            yield return line;
        }
    }
}
