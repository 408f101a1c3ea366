using Spectre.Console;

namespace Mazij.Cli.LiveView;

/// <summary>The view's colours. No meaning rests on a colour alone: each goes with a glyph or a word.</summary>
internal static class Palette
{
    /// <summary>What names a value.</summary>
    public static Style Label { get; } = new(Color.Grey);

    /// <summary>A value.</summary>
    public static Style Value { get; } = Style.Plain;

    /// <summary>A title.</summary>
    public static Style Title { get; } = new(decoration: Decoration.Bold);

    /// <summary>Lines that divide.</summary>
    public static Style Frame { get; } = new(Color.Grey);

    /// <summary>The training loss, and what is done.</summary>
    public static Style Training { get; } = new(Color.DeepSkyBlue1);

    /// <summary>The validation loss.</summary>
    public static Style Validation { get; } = new(Color.Orange1);

    /// <summary>The compressor's level.</summary>
    public static Style Baseline { get; } = new(Color.MediumPurple1);

    /// <summary>What is as it should be.</summary>
    public static Style Good { get; } = new(Color.Green3);

    /// <summary>What deserves a look.</summary>
    public static Style Notable { get; } = new(Color.Yellow3);

    /// <summary>What is wrong.</summary>
    public static Style Bad { get; } = new(Color.Red1, decoration: Decoration.Bold);

    /// <summary>An expert's load, as a multiple of its layer's mean.</summary>
    public static Style Load(double ratio) => ratio switch
    {
        <= 0 => Bad,
        < 0.5 => new Style(Color.DodgerBlue2),
        < 0.8 => new Style(Color.Turquoise2),
        <= 1.25 => Good,
        <= 2 => Notable,
        _ => new Style(Color.Red1),
    };
}
