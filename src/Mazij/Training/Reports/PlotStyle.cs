using ScottPlot;
using SkiaSharp;

namespace Mazij.Training.Reports;

/// <summary>How pictures look: a font that the library carries, so that they are the same on a machine without any.</summary>
internal static class PlotStyle
{
    private const string FontName = "Mazij plots";
    private const string FontResource = "Mazij.Training.Reports.plot-font.ttf";
    private static readonly Lock gate = new();
    private static bool ready;

    /// <summary>Training loss, single steps.</summary>
    public static Color Faint { get; } = Color.FromHex("#9ecae1");

    /// <summary>What is looked at first.</summary>
    public static Color Strong { get; } = Color.FromHex("#08519c");

    /// <summary>Validation.</summary>
    public static Color Contrast { get; } = Color.FromHex("#d94801");

    /// <summary>What goes along.</summary>
    public static Color Quiet { get; } = Color.FromHex("#969696");

    /// <summary>Trouble.</summary>
    public static Color Alarm { get; } = Color.FromHex("#cb181d");

    /// <summary>An empty plot with our font.</summary>
    public static Plot NewPlot()
    {
        lock (gate)
        {
            if (!ready)
            {
                Fonts.FontResolvers.Insert(0, new EmbeddedFont());
                Fonts.Default = FontName;
                ready = true;
            }
        }
        Plot plot = new();
        plot.Grid.MajorLineColor = Color.FromHex("#e5e5e5");
        plot.Legend.OutlineColor = Colors.Transparent;
        plot.Legend.ShadowColor = Colors.Transparent;
        return plot;
    }

    /// <summary>Ticks of whole numbers, large ones as 12.5 K.</summary>
    public static ScottPlot.TickGenerators.NumericAutomatic CountTicks() => new() { LabelFormatter = value => Quantity.Count(value) };

    private sealed class EmbeddedFont : IFontResolver
    {
        private readonly SKTypeface typeface = Load();

        public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) =>
            fontName == FontName ? typeface : null;

        public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => fontName == FontName ? typeface : null;

        private static SKTypeface Load()
        {
            using Stream stream = typeof(PlotStyle).Assembly.GetManifestResourceStream(FontResource)
                ?? throw new InvalidOperationException($"The library carries no {FontResource}.");
            using SKData data = SKData.Create(stream);
            return SKTypeface.FromData(data);
        }
    }
}
