using Mazij.Models;
using Mazij.Training;

namespace Mazij.Cli.LiveView;

/// <summary>
/// The experts' loads in the last step: a strip for each layer, a cell for each expert, as high as its share of the mean
/// (half a cell is the mean, a full one is twice that and more), dead experts marked; behind it the fullest over the mean.
/// </summary>
internal static class ExpertStrips
{
    private const int RatioWidth = 5;
    private const int Gap = 2;

    /// <summary>Lines that all layers need at this width.</summary>
    public static int RowsFor(IReadOnlyList<RouterStatistics> routers, int width) =>
        routers.Count == 0 ? 0 : Grid.For(routers, width).RowsFor(routers.Count);

    /// <summary>The figures over all layers, and how many layers are shown if not all are.</summary>
    public static string Heading(StepRecord record, int width, int rows)
    {
        string heading = $"experts   max/mean {Figure.Of(record.ExpertLoadMaxOverMean ?? double.NaN, 2)}   dead {record.DeadExperts ?? 0}";
        if (record.RouterEntropy is double entropy)
            heading += $"   entropy {Figure.Of(entropy, 2)} of 1";
        int layers = record.Routers.Count, shown = layers == 0 ? 0 : Math.Min(layers, rows * Grid.For(record.Routers, width).Across);
        return shown == layers ? heading : heading + $"   worst {shown} of {layers} layers";
    }

    /// <summary>Draws the strips in at most so many lines. If there are more layers, the least balanced are shown.</summary>
    public static List<StyledLine> Draw(IReadOnlyList<RouterStatistics> routers, int width, int rows, Glyphs glyphs)
    {
        if (routers.Count == 0 || rows <= 0)
            return [];
        Grid grid = Grid.For(routers, width);
        int[] shown = [.. Enumerable.Range(0, routers.Count)
            .OrderByDescending(layer => Imbalance(routers[layer].Load)).Take(rows * grid.Across).Order()];
        int used = Math.Min(rows, (shown.Length + grid.Across - 1) / grid.Across);
        List<StyledLine> lines = [];
        for (int row = 0; row < used; row++)
        {
            StyledLine line = new(width, glyphs);
            // Down the first column, then the next, as one reads a list.
            for (int index = row; index < shown.Length; index += used)
            {
                if (index >= used)
                    line.Add(new string(' ', Gap));
                line.Add(shown[index].ToString(System.Globalization.CultureInfo.InvariantCulture).PadLeft(grid.LabelWidth - 1) + " ", Palette.Label);
                AddStrip(line, routers[shown[index]].Load, grid.Experts, glyphs);
                line.Add(Figure.Of(Imbalance(routers[shown[index]].Load), 2).PadLeft(RatioWidth), Palette.Label);
            }
            lines.Add(line);
        }
        return lines;
    }

    private static void AddStrip(StyledLine line, long[] load, int expertsPerCell, Glyphs glyphs)
    {
        double mean = load.Length == 0 ? 0 : load.Average();
        for (int start = 0; start < load.Length; start += expertsPerCell)
        {
            ReadOnlySpan<long> cell = load.AsSpan(start, Math.Min(expertsPerCell, load.Length - start));
            double ratio = mean > 0 ? Extreme(cell, mean) / mean : 0;
            line.Add((ratio > 0 ? glyphs.Level(ratio / 2) : glyphs.Dead).ToString(), Palette.Load(ratio));
        }
    }

    /// <summary>Of several experts in a cell the one that matters: a dead one, else the one farthest from the mean.</summary>
    private static long Extreme(ReadOnlySpan<long> load, double mean)
    {
        long extreme = load[0];
        foreach (long count in load)
        {
            if (count == 0)
                return 0;
            if (Math.Abs(count - mean) > Math.Abs(extreme - mean))
                extreme = count;
        }
        return extreme;
    }

    private static double Imbalance(long[] load) => load.Length == 0 || load.Average() == 0 ? 0 : load.Max() / load.Average();

    /// <summary>How strips are laid out.</summary>
    /// <param name="Across">Layers side by side.</param>
    /// <param name="Experts">Experts in a cell.</param>
    /// <param name="LabelWidth">Cells for the layer's number and a space.</param>
    private readonly record struct Grid(int Across, int Experts, int LabelWidth)
    {
        public static Grid For(IReadOnlyList<RouterStatistics> routers, int width)
        {
            int label = (routers.Count - 1).ToString(System.Globalization.CultureInfo.InvariantCulture).Length + 1;
            int widest = Math.Max(1, routers.Max(router => router.Load.Length));
            int room = Math.Max(1, width - label - RatioWidth);
            int experts = (widest + room - 1) / room;
            int block = label + ((widest + experts - 1) / experts) + RatioWidth;
            return new Grid(Math.Max(1, (width + Gap) / (block + Gap)), experts, label);
        }

        public int RowsFor(int layers) => (layers + Across - 1) / Across;
    }
}
