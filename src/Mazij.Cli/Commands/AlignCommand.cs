using System.CommandLine;
using Mazij.Cli.Aligning;
using Mazij.Devices.Alignment;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij align</c>.</summary>
internal static class AlignCommand
{
    private const string DefaultA = "cpu,fp32,portable", DefaultB = "cpu,bf16,simd";

    /// <summary>What an execution looks like, for help.</summary>
    public const string ExecutionHelp = "a device, and in any order fp32 or bf16, simd or portable, threads=N";

    /// <summary>Describes the command with those below it.</summary>
    public static Command Create()
    {
        Option<string> optionA = new("--a")
        {
            Description = $"The execution that is compared with: {ExecutionHelp}.",
            HelpName = "EXECUTION",
            DefaultValueFactory = _ => DefaultA,
        };
        Option<string> optionB = new("--b")
        {
            Description = "The execution that is compared.",
            HelpName = "EXECUTION",
            DefaultValueFactory = _ => DefaultB,
        };
        Command command = new(
            "align",
            "Find out whether a device, a dtype, a kind of kernels or a number of threads computes the same as another:\n" +
            "operators, then the model's modules forward, then backward, then a short training. Every difference is judged by what\n" +
            "rounding explains, and the first component that differs by more is named. Ends with 0 if all are aligned, with 3 if not.\n\n" +
            "Example: mazij align --a cpu,fp32,portable --b cpu,bf16,simd --model quickstart --plot losses.png")
        { optionA, optionB, AlignRecordCommand.Create(), AlignCompareCommand.Create() };
        AlignOptionSet options = new(command);
        AlignmentReport report = new(command);
        command.SetAction(parsed => Failures.Guard(() =>
        {
            Execution a = Execution.Parse(parsed.GetRequiredValue(optionA)), b = Execution.Parse(parsed.GetRequiredValue(optionB));
            using Interruption interruption = new("mazij: stopping");
            Action<string> say = report.Progress(parsed);
            using PreparedSetting prepared = options.Prepare(parsed, [a, b], Roundoffs.CommonType(a, b), null, say, interruption.Token);
            MazijImplementation one = new(a), other = new(b);
            say($"model       {prepared.Name}");
            Recorder first = new(one, prepared.Setting, null, line => say($"a           {line}"), interruption.Token);
            Trace recorded = first.Record();
            Trace compared = new Recorder(other, prepared.Setting, recorded, line => say($"b           {line}"), interruption.Token).Record();
            AlignmentResult result = TraceComparison.Of(recorded, compared);
            // Only the losses part, and every component is aligned: is that more than such a training wanders by itself?
            if (result is { First: null, Curve: { Diverges: true } curve })
            {
                IReadOnlyList<double> twin = first.Twin(Math.Max(Roundoffs.UnitOf(a.Dtype), Roundoffs.UnitOf(b.Dtype)));
                result = result with { Curve = new CurveDifference(curve.A with { Twin = twin }, curve.B) };
            }
            return report.Show(parsed, result);
        }));
        return command;
    }
}
