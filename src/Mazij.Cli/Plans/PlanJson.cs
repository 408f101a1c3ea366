using System.Text.Json.Nodes;
using Mazij.Configuration;
using Mazij.Planning;

namespace Mazij.Cli.Plans;

/// <summary>Plans as JSON; bytes, seconds, hours, shares of 1.</summary>
internal static class PlanJson
{
    /// <summary>The whole answer.</summary>
    public static JsonObject Describe(PlanQuestion question, PlanAnswer answer, CellMixture? mixture)
    {
        Workload work = question.Request.Workload;
        double flops = question.Model.Shape.TrainingFlopsPerToken(work.SequenceLength);
        TrainingPlan? premium = PlanBaseline.Of(question, answer);
        double? premiumCost = PlanBaseline.CostOf(question, answer);
        return new JsonObject
        {
            ["model"] = question.Model.Name,
            ["total_parameters"] = question.Model.Shape.TotalParameters,
            ["active_parameters"] = question.Model.Shape.ActiveParameters,
            ["tokens"] = work.Tokens,
            ["sequence_length"] = work.SequenceLength,
            ["global_batch_size"] = work.GlobalBatch,
            ["flops_per_token"] = flops,
            ["currency"] = question.Currency,
            ["baseline"] = premium?.Device.Name,
            ["cheapest"] = answer.Cheapest is TrainingPlan cheapest ? Describe(cheapest) : null,
            ["fastest"] = answer.Fastest is TrainingPlan fastest ? Describe(fastest) : null,
            ["devices"] = new JsonArray([.. answer.Offers.Select(offer => DescribeOffer(offer, answer, premiumCost))]),
            ["pareto_front"] = new JsonArray([.. answer.ParetoFront.Select(Describe)]),
            ["sensitivity"] = answer.Cheapest is TrainingPlan plan ? new JsonArray([.. Comparisons.Sensitivity(plan).Select(each => new JsonObject
            {
                ["if"] = each.What,
                ["hours"] = each.Hours,
                ["cost"] = each.Cost,
            })]) : null,
            ["limits"] = JsonOutput.Array(answer.BindingLimits()),
            ["mixture"] = mixture is null ? null : Describe(mixture),
            ["by_mfu"] = new JsonArray([.. question.ByMfu.Select(estimate => Describe(estimate, premiumCost))]),
        };
    }

    private static JsonObject DescribeOffer(OfferPlans offer, PlanAnswer answer, double? premiumCost)
    {
        TrainingPlan? plan = offer.Within(answer.Request.Limits).MinBy(each => each.Cost ?? each.DeviceHours);
        bool compares = premiumCost is not null && plan?.Cost is not null;
        return new JsonObject
        {
            ["device"] = offer.Offer.Device.Name,
            ["available"] = offer.Offer.Available,
            ["layouts"] = offer.Evaluated,
            ["plan"] = plan is null ? null : Describe(plan),
            ["saved"] = compares ? 1 - plan!.Cost!.Value / premiumCost!.Value : null,
            ["break_even_mfu"] = compares ? Comparisons.BreakEvenMfu(plan!, premiumCost!.Value) : null,
        };
    }

    private static JsonObject Describe(TrainingPlan plan)
    {
        ParallelLayout layout = plan.Layout;
        StepTime step = plan.Step;
        DeviceMemoryPlan memory = plan.Memory;
        return new JsonObject
        {
            ["device"] = plan.Device.Name,
            ["devices"] = plan.Devices,
            ["hours"] = plan.Hours,
            ["device_hours"] = plan.DeviceHours,
            ["cost"] = plan.Cost,
            ["kilowatt_hours"] = plan.KilowattHours,
            ["mfu"] = plan.Mfu,
            ["tokens_per_second"] = plan.TokensPerSecond,
            ["goodput"] = plan.Goodput,
            ["layout"] = new JsonObject
            {
                ["tensor_parallel"] = layout.TensorParallel,
                ["context_parallel"] = layout.ContextParallel,
                ["pipeline_parallel"] = layout.PipelineParallel,
                ["virtual_stages"] = layout.VirtualStages,
                ["expert_parallel"] = layout.ExpertParallel,
                ["data_parallel"] = layout.DataParallel,
                ["zero_stage"] = (int)layout.Zero,
                ["micro_batch_size"] = layout.MicroBatch,
                ["recomputation"] = ScalarText.Format(layout.Recomputation).Text,
                ["dtype"] = ScalarText.Format(layout.Precision).Text,
            },
            ["step_seconds"] = new JsonObject
            {
                ["total"] = step.Total,
                ["compute"] = step.Compute,
                ["recompute"] = step.Recompute,
                ["tensor_parallel"] = step.TensorParallel,
                ["expert_parallel"] = step.ExpertParallel,
                ["bubble"] = step.Bubble,
                ["data_parallel"] = step.DataParallel,
                ["optimizer"] = step.Optimizer,
                ["waiting"] = step.Waiting,
            },
            ["memory_bytes"] = new JsonObject
            {
                ["total"] = memory.Total,
                ["weights"] = memory.Weights,
                ["gradients"] = memory.Gradients,
                ["optimizer"] = memory.Optimizer,
                ["activations"] = memory.Activations,
                ["logits"] = memory.Logits,
                ["reserved"] = memory.Reserved,
            },
            ["failures_per_day"] = plan.Failures.FailuresPerDay,
            ["checkpoint_interval_seconds"] = plan.Failures.CheckpointInterval,
            ["lost_share"] = plan.Failures.LostShare,
        };
    }

    private static JsonObject Describe(CellMixture mixture) => new()
    {
        ["hours"] = mixture.Hours,
        ["cost"] = mixture.Cost,
        ["tokens_per_second"] = mixture.TokensPerSecond,
        ["cells"] = new JsonArray([.. mixture.Cells.Select(cell => new JsonObject { ["share"] = mixture.ShareOf(cell), ["plan"] = Describe(cell) })]),
    };

    private static JsonObject Describe(MfuEstimate estimate, double? premiumCost) => new()
    {
        ["device"] = estimate.Device,
        ["mfu"] = estimate.Mfu,
        ["device_hours"] = estimate.DeviceHours,
        ["cost"] = estimate.Cost,
        ["currency"] = estimate.Currency,
        ["saved"] = premiumCost is double cost && estimate.Cost is double own ? 1 - own / cost : null,
        ["break_even_mfu"] = premiumCost is double meet && estimate.Cost is not null ? estimate.BreakEvenMfu(meet) : null,
    };
}
