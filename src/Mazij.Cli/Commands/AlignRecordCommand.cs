using System.CommandLine;
using Mazij.Cli.Aligning;
using Mazij.Devices.Alignment;
using Mazij.Formats.Safetensors;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij align record</c>.</summary>
internal static class AlignRecordCommand
{
    private const string Fp32 = "fp32", Bf16 = "bf16";

    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Option<string> output = new("--out") { Description = "The trace, a folder; a trace that is there is replaced.", HelpName = "TRACE", Required = true };
        Option<string> how = new("--execution")
        {
            Description = $"How to compute: {AlignCommand.ExecutionHelp}.",
            HelpName = "EXECUTION",
            DefaultValueFactory = _ => "cpu,fp32",
        };
        Option<string?> inputs = new("--inputs")
        {
            Description = "Feed every component what this trace was fed, and begin with its weights, so that no error is handed on.",
            HelpName = "TRACE",
        };
        Option<string> inputType = new("--input-dtype")
        {
            Description = "Round activations to this format before a module sees them; bf16 can be compared with any execution.",
            HelpName = "fp32|bf16",
            DefaultValueFactory = _ => Bf16,
        };
        Option<bool> twin = new("--twin")
        {
            Description = "Train twice, the second time from weights that are off by one rounding of --input-dtype, to see how far this training wanders.",
        };
        Command command = new(
            "record",
            "Record what one execution computes, to compare it with what another machine recorded.\n\n" +
            "Example: mazij align record --execution cpu,bf16,simd --inputs traces/a --out traces/b")
        { output, how, inputs, inputType, twin };
        AlignOptionSet options = new(command);
        command.SetAction(parsed => Failures.Guard(() =>
        {
            Execution execution = Execution.Parse(parsed.GetRequiredValue(how));
            string target = parsed.GetRequiredValue(output), type = parsed.GetRequiredValue(inputType);
            if (type is not (Fp32 or Bf16))
                throw new InputException($"--input-dtype is {MessageText.Quote(type)}; it must be {Fp32} or {Bf16}");
            TraceFolder.RequireWritable(target);
            Trace? given = parsed.GetValue(inputs) is string folder ? TraceFolder.Read(folder) : null;
            using Interruption interruption = new("mazij: stopping");
            Action<string> say = Console.Out.WriteLine;
            using PreparedSetting prepared = options.Prepare(
                parsed, [execution], type == Bf16 ? ElementType.BF16 : ElementType.F32, given, say, interruption.Token);
            Trace trace = new Recorder(
                new MazijImplementation(execution), prepared.Setting, given, line => say($"record      {line}"), interruption.Token,
                parsed.GetValue(twin) ? Roundoffs.UnitOf(type) : null).Record();
            TraceFolder.Write(target, trace);
            say($"trace       {trace.Components.Count} components in {target}");
            return 0;
        }));
        return command;
    }
}
