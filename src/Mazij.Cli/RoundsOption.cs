using System.CommandLine;

namespace Mazij.Cli;

/// <summary>How often a benchmark measures.</summary>
internal sealed class RoundsOption : Option<int>
{
    public RoundsOption() : base("--rounds")
    {
        Description = "Rounds of each measurement; the figures are their medians.";
        HelpName = "N";
        DefaultValueFactory = _ => 5;
    }

    /// <summary>The number of rounds.</summary>
    /// <exception cref="InputException">It is out of range.</exception>
    public int Read(ParseResult parsed)
    {
        int count = parsed.GetValue(this);
        return count is >= 1 and <= 1000 ? count : throw new InputException($"--rounds is {count}; it must be from 1 to 1000");
    }
}
