using System.CommandLine;
using Mazij.Cli.Plans;
using Mazij.Planning;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij plan</c>.</summary>
internal static class PlanCommand
{
    // What of the elastic exchange the next forward pass does not hide: the report's curve of EDiT is flat.
    private const double ElasticShare = 0.02;

    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Option<bool> elastic = new("--elastic") { Description = "Also plan cells of unlike devices that train together by elastic synchronisation." };
        Option<string?> plot = new("--plot") { Description = "Also draw cost over time.", HelpName = "OUT.png" };
        Option<bool> json = new("--json") { Description = "Print the plans as JSON." };
        Command command = new(
            "plan",
            "Find the cheapest and the fastest way to train a model on devices that can be had, and what it saves against premium ones.\n\n" +
            "Examples: mazij plan --model llama-3-70b --tokens 2T --devices nvidia-h100-sxm:512,nvidia-a100-sxm-80gb:1024 --deadline 90d\n" +
            "          mazij plan --model ling-plus --tokens 1T --mfu ling-d=0.21 --mfu ling-a=0.18")
        { elastic, plot, json, PlanSimulateCommand.Create(), PlanValidateCommand.Create() };
        PlanOptionSet options = new(command);
        command.SetAction(parsed => Failures.Guard(() =>
        {
            PlanQuestion question = options.Read(parsed);
            PlanAnswer answer = PlanSearch.Run(question.Request);
            CellMixture? mixture = parsed.GetValue(elastic) ? CellMixture.Cheapest(answer, question.Request.Limits.Hours, ElasticShare) : null;
            if (question.ByMfu.Count == 0 && !answer.Plans.Any() && mixture is null)
                throw new InputException("no plan keeps to the limits: " + string.Join("; ", answer.BindingLimits()));
            if (parsed.GetValue(plot) is string picture)
                PlanPlot.Write(answer, $"{question.Model.Name}, {Quantity.Count(question.Request.Workload.Tokens)} tokens", picture);
            if (parsed.GetValue(json))
                JsonOutput.Write(PlanJson.Describe(question, answer, mixture));
            else
                PlanText.Print(question, answer, mixture);
            return 0;
        }));
        return command;
    }
}
