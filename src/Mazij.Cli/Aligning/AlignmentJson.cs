using System.Text.Json.Nodes;
using Mazij.Devices.Alignment;

namespace Mazij.Cli.Aligning;

/// <summary>A comparison as JSON.</summary>
internal static class AlignmentJson
{
    /// <summary>Describes it; what is infinite becomes null.</summary>
    public static JsonObject Describe(AlignmentResult result) => new()
    {
        ["aligned"] = result.IsAligned,
        ["first"] = result.FirstName is null ? null : new JsonObject
        {
            ["stage"] = ScalarNames.Of(result.First?.Stage ?? AlignmentStage.Training),
            ["component"] = result.FirstName,
            ["output"] = result.First?.FirstOutput ?? "loss",
        },
        ["a"] = Describe(result.A),
        ["b"] = Describe(result.B),
        ["components"] = new JsonArray([.. result.Components.Select(Describe)]),
        ["training"] = result.Curve is CurveDifference curve ? Describe(curve) : null,
        ["only_in_a"] = JsonOutput.Array(result.OnlyA),
        ["only_in_b"] = JsonOutput.Array(result.OnlyB),
    };

    private static JsonObject Describe(TraceOrigin origin) => new()
    {
        ["framework"] = origin.Framework,
        ["device"] = origin.Device,
        ["dtype"] = origin.Dtype,
        ["kernels"] = origin.Kernels,
        ["threads"] = origin.Threads,
        ["machine"] = origin.Machine,
    };

    private static JsonNode Describe(ComponentDifference component) => new JsonObject
    {
        ["stage"] = ScalarNames.Of(component.Stage),
        ["component"] = component.Name,
        ["kind"] = ScalarNames.Of(component.Kind),
        ["gradient"] = component.Gradient,
        ["same_inputs"] = component.Inputs == InputAgreement.Same,
        ["diverges"] = component.Diverges,
        ["outputs"] = new JsonArray([.. component.Outputs.Select(Describe)]),
        ["choices"] = component.Choices is ChoiceDifference choices ? new JsonObject
        {
            ["compared"] = choices.Choices,
            ["different"] = choices.Different,
            ["true_ties"] = choices.Ties,
            ["order_of_equals"] = choices.WrongOrder,
        } : null,
    };

    private static JsonNode Describe(OutputDifference output) => new JsonObject
    {
        ["output"] = output.Role,
        ["elements"] = output.Elements,
        ["max_ulps"] = Finite(output.MaximumUlps),
        ["mean_ulps"] = Finite(output.MeanUlps),
        ["max_relative"] = Finite(output.MaximumRelative),
        ["mean_relative"] = Finite(output.MeanRelative),
        ["max_allowed"] = Finite(output.Tolerance),
        ["mean_allowed"] = Finite(output.MeanTolerance),
        ["diverges"] = output.Diverges,
    };

    private static JsonObject Describe(CurveDifference curve) => new()
    {
        ["data"] = curve.A.Data,
        ["losses_a"] = new JsonArray([.. curve.A.Losses.Select(Finite)]),
        ["losses_b"] = new JsonArray([.. curve.B.Losses.Select(Finite)]),
        ["end_relative"] = Finite(curve.End),
        ["max_relative"] = Finite(curve.Largest),
        ["wander"] = curve.A.Twin is null ? null : Finite(curve.Wander),
        ["allowed"] = Finite(curve.Allowed),
        ["validation_loss_a"] = curve.A.ValidationLoss is double a ? Finite(a) : null,
        ["validation_loss_b"] = curve.B.ValidationLoss is double b ? Finite(b) : null,
        ["validation_relative"] = curve.Validation is double share ? Finite(share) : null,
        ["diverges"] = curve.Diverges,
    };

    private static JsonNode? Finite(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;
}
