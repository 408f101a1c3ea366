namespace Mazij.Devices.Alignment;

/// <summary>What the inputs of a component were to two executions.</summary>
internal enum InputAgreement
{
    /// <summary>The same bits, or the same rounded to the coarser dtype: differences are the component's own.</summary>
    Same,

    /// <summary>Each execution's own: the errors of what came before are in them.</summary>
    Own,
}

/// <summary>A component of two traces.</summary>
/// <param name="Stage">Where in the comparison it stands.</param>
/// <param name="Name">Its name.</param>
/// <param name="Kind">What it computes.</param>
/// <param name="Gradient">Whether it is a backward pass.</param>
/// <param name="Inputs">What it was fed.</param>
/// <param name="Outputs">Each output's difference.</param>
/// <param name="Choices">Expert choices; null where there are none.</param>
internal sealed record ComponentDifference(
    AlignmentStage Stage, string Name, ComponentKind Kind, bool Gradient, InputAgreement Inputs, IReadOnlyList<OutputDifference> Outputs,
    ChoiceDifference? Choices)
{
    /// <summary>The output that is nearest to its tolerance, or farthest beyond; null where choices alone were compared.</summary>
    public OutputDifference? Worst { get; } = Outputs.MaxBy(output => output.Share);

    /// <summary>Whether rounding does not explain it.</summary>
    public bool Diverges => Worst?.Diverges == true || Choices?.Diverges == true;

    /// <summary>The first output that diverges, or "choices"; null if none does.</summary>
    public string? FirstOutput => Choices?.Diverges == true ? "choices" : Outputs.FirstOrDefault(output => output.Diverges)?.Role;
}

/// <summary>How the losses of two trainings on the same data differ.</summary>
/// <param name="A">The first execution's.</param>
/// <param name="B">The second's.</param>
internal sealed record CurveDifference(TrainingCurve A, TrainingCurve B)
{
    /// <summary>What the losses at the end may differ by: what the Ling report accepts between two chips (arXiv 2503.05139, 6.2).
    /// Rounding alone says nothing here: two trainings part company step by step, a small and fast one by more.</summary>
    public const double Accepted = 0.005;

    /// <summary>The component's name where the curves part.</summary>
    public const string Name = "training";

    /// <summary>By how much rounding alone lets this training wander: the root mean square difference of the first execution's losses
    /// from those of its twin, over the last quarter of the steps. 0 where there is no twin.</summary>
    public double Wander { get; } = A.Twin is null ? 0
        : Math.Sqrt(Last(A.Losses.Zip(A.Twin, Relative)).Select(share => share * share).DefaultIfEmpty(0).Average());

    /// <summary>What the losses may differ by: what is accepted, or two such deviations.</summary>
    public double Allowed => Math.Max(Accepted, 2 * Wander);

    /// <summary>Relative difference of the mean losses of the last quarter of the steps.</summary>
    public double End { get; } = Relative(Tail(A.Losses), Tail(B.Losses));

    /// <summary>The largest relative difference of one step's losses.</summary>
    public double Largest { get; } = A.Losses.Zip(B.Losses, Relative).DefaultIfEmpty(0).Max();

    /// <summary>Relative difference of the validation losses; null without them.</summary>
    public double? Validation { get; } =
        A.ValidationLoss is double a && B.ValidationLoss is double b ? Relative(a, b) : null;

    /// <summary>Whether they differ by more than is accepted.</summary>
    public bool Diverges => !(End <= Allowed) || !((Validation ?? 0) <= Allowed);

    private static double Tail(IReadOnlyList<double> losses) => Last(losses).Average();

    private static IEnumerable<double> Last(IEnumerable<double> values)
    {
        List<double> all = [.. values];
        return all.Skip(all.Count - Math.Max(1, all.Count / 4));
    }

    private static double Relative(double a, double b) =>
        double.IsFinite(a) && double.IsFinite(b) ? Math.Abs(a - b) / Math.Max(Math.Abs(a), double.Epsilon) : double.PositiveInfinity;
}

/// <summary>What comparing two traces found.</summary>
/// <param name="A">The first trace's origin.</param>
/// <param name="B">The second's.</param>
/// <param name="Components">The components in the order of judgement.</param>
/// <param name="Curve">The trainings; null if they were not both made.</param>
/// <param name="OnlyA">Components that the second trace does not have.</param>
/// <param name="OnlyB">Components that the first trace does not have.</param>
internal sealed record AlignmentResult(
    TraceOrigin A, TraceOrigin B, IReadOnlyList<ComponentDifference> Components, CurveDifference? Curve, IReadOnlyList<string> OnlyA,
    IReadOnlyList<string> OnlyB)
{
    /// <summary>The first component that diverges, or null.</summary>
    public ComponentDifference? First { get; } = Components.FirstOrDefault(component => component.Diverges);

    /// <summary>The name of the first thing that diverges; null if all are aligned.</summary>
    public string? FirstName => First?.Name ?? (Curve?.Diverges == true ? CurveDifference.Name : null);

    /// <summary>Whether rounding explains every difference.</summary>
    public bool IsAligned => FirstName is null;
}
