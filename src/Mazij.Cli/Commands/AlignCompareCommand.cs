using System.CommandLine;
using Mazij.Cli.Aligning;
using Mazij.Devices.Alignment;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij align compare</c>.</summary>
internal static class AlignCompareCommand
{
    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Argument<string> first = new("A") { Description = "The trace that is compared with." };
        Argument<string> second = new("B") { Description = "The trace that is compared." };
        Command command = new(
            "compare",
            "Compare two recorded traces, of whatever machines or frameworks (docs/formats.md). Ends with 0 if all components are\n" +
            "aligned, with 3 if not.\n\n" +
            "Example: mazij align compare traces/a traces/b --plot losses.png")
        { first, second };
        AlignmentReport report = new(command);
        command.SetAction(parsed => Failures.Guard(() => report.Show(
            parsed, TraceComparison.Of(TraceFolder.Read(parsed.GetRequiredValue(first)), TraceFolder.Read(parsed.GetRequiredValue(second))))));
        return command;
    }
}
