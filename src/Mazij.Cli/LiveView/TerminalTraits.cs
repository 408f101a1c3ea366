using System.Collections;
using Spectre.Console;

namespace Mazij.Cli.LiveView;

/// <summary>What a terminal can show.</summary>
/// <param name="Colors">Its colours.</param>
/// <param name="Unicode">Whether it shows UTF-8; else ASCII has to do.</param>
internal sealed record TerminalTraits(ColorSystemSupport Colors, bool Unicode)
{
    private static readonly string[] localeVariables = ["LC_ALL", "LC_CTYPE", "LANG"]; // The first that is set decides.

    /// <summary>Standard output's terminal, or null if that is no terminal on which lines can be rewritten.</summary>
    public static TerminalTraits? OfStandardOutput()
    {
        if (Console.IsOutputRedirected || !TerminalSize.OfStandardOutput().HoldsView)
            return null;
        Dictionary<string, string> environment = [];
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
            environment[(string)variable.Key] = (string?)variable.Value ?? "";
        return OperatingSystem.IsWindows() ? OnWindows(environment) : Of(environment);
    }

    /// <summary>What the environment variables say of a Unix terminal: TERM, COLORTERM, NO_COLOR, CI and the locale's.</summary>
    /// <returns>Null if lines cannot be rewritten, or nobody watches.</returns>
    public static TerminalTraits? Of(IReadOnlyDictionary<string, string> environment)
    {
        string term = Value(environment, "TERM");
        if (term is "" or "dumb" or "unknown" || Value(environment, "CI") is not ("" or "false" or "0"))
            return null;
        string color = Value(environment, "COLORTERM");
        ColorSystemSupport colors = Value(environment, "NO_COLOR").Length > 0 || term.StartsWith("vt", StringComparison.Ordinal)
            ? ColorSystemSupport.NoColors
            : color is "truecolor" or "24bit" ? ColorSystemSupport.TrueColor
            : term.Contains("256color", StringComparison.Ordinal) ? ColorSystemSupport.EightBit
            : ColorSystemSupport.Standard;
        string locale = localeVariables.Select(name => Value(environment, name)).FirstOrDefault(value => value.Length > 0, "");
        // The console of the Linux kernel has a font of 256 to 512 glyphs, without the ones that curves are drawn with.
        bool unicode = term != "linux"
            && (locale.Contains("UTF-8", StringComparison.OrdinalIgnoreCase) || locale.Contains("UTF8", StringComparison.OrdinalIgnoreCase));
        return new TerminalTraits(colors, unicode);
    }

    // Spectre.Console switches the console to escape sequences if it can. Program sets it to UTF-8.
    private static TerminalTraits? OnWindows(Dictionary<string, string> environment) =>
        !AnsiConsole.Profile.Capabilities.Ansi || Value(environment, "CI") is not ("" or "false" or "0")
            ? null
            : new TerminalTraits(
                Value(environment, "NO_COLOR").Length > 0 ? ColorSystemSupport.NoColors : ColorSystemSupport.EightBit, Unicode: true);

    private static string Value(IReadOnlyDictionary<string, string> environment, string name) => environment.GetValueOrDefault(name, "");
}
