using System.Text;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Mazij.Cli.LiveView;

/// <summary>Turns the view into lines of text with the escape sequences of a terminal's colours; every line ends without
/// a colour.</summary>
internal sealed class FrameRenderer
{
    private readonly StringBuilder text = new();
    private readonly IAnsiConsole console;

    /// <summary>Prepares to render.</summary>
    /// <param name="traits">What the terminal can show.</param>
    public FrameRenderer(TerminalTraits traits)
    {
        console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.Yes,
            ColorSystem = traits.Colors,
            Interactive = InteractionSupport.No,
            Enrichment = new ProfileEnrichment { UseDefaultEnrichers = false },
            Out = new AnsiConsoleOutput(new StringWriter(text)),
        });
        console.Profile.Capabilities.Links = false;
        Glyphs = traits.Unicode ? Glyphs.Full : Glyphs.Ascii;
    }

    /// <summary>The characters to draw with.</summary>
    public Glyphs Glyphs { get; }

    /// <summary>The lines of something to show, none wider than a width.</summary>
    public string[] Lines(IRenderable shown, int width)
    {
        text.Clear();
        console.Profile.Width = width;
        console.Write(shown);
        return text.ToString().TrimEnd('\n').ReplaceLineEndings("\n").Split('\n');
    }
}
