using Mazij.Configuration;
using Mazij.Models;

namespace Mazij.Devices.Alignment;

/// <summary>Compares two traces component by component, in the order of the Ling report, and finds the first that diverges.</summary>
internal sealed class TraceComparison
{
    private readonly Trace a, b;
    private readonly Roundoffs unit;
    private readonly ModelDifference? whole;
    // Squares of the deviations of what came before, for components that each execution fed by itself.
    private double before;
    private StrayTokens stray = new(0, 1);

    private TraceComparison(Trace a, Trace b)
    {
        (this.a, this.b) = (a, b);
        unit = Roundoffs.Of(a.Origin, b.Origin);
        if (Pair(AlignmentStage.Forward, ModelPass.Whole) is var (first, second))
            whole = new ModelDifference(first, second, unit);
    }

    /// <summary>Compares.</summary>
    /// <exception cref="InputException">The traces are not of the same model, weights, ids or data, or have nothing in common.</exception>
    public static AlignmentResult Of(Trace a, Trace b)
    {
        CheckSame(a, b, Roundoffs.Of(a.Origin, b.Origin));
        return new TraceComparison(a, b).Run();
    }

    private AlignmentResult Run()
    {
        List<ComponentDifference> found = [];
        foreach (AlignmentStage stage in Enum.GetValues<AlignmentStage>())
        {
            List<ComponentDifference> ofStage = [];
            foreach (TracedComponent component in a.Components.Where(component => component.Stage == stage))
            {
                if (b.Find(stage, component.Name) is TracedComponent other)
                    ofStage.Add(Compare(component, other));
            }
            // Fed by the same inputs, every module stands for itself: the routers' gradients come first. Otherwise what comes
            // first is what was computed first.
            found.AddRange(stage == AlignmentStage.Backward && ofStage.All(component => component.Inputs == InputAgreement.Same || component.Kind == ComponentKind.Model)
                ? ofStage.OrderBy(component => component.Kind is ComponentKind.Router or ComponentKind.RouterLogits ? 0 : 1)
                : ofStage);
        }
        CurveDifference? curve = a.Training is null || b.Training is null ? null : new CurveDifference(a.Training, b.Training);
        if (found.Count == 0 && curve is null)
            throw new InputException("the traces have no component in common; record both by the same names (docs/formats.md)");
        return new AlignmentResult(a.Origin, b.Origin, found, curve, Missing(a, b), Missing(b, a));
    }

    private ComponentDifference Compare(TracedComponent one, TracedComponent other)
    {
        CheckSameShapes(one, other);
        if (one.Call.Kind is ComponentKind.Model or ComponentKind.Step)
            return whole?.Of(one, other) ?? new ModelDifference(one, other, unit).Of(one, other);
        (InputAgreement inputs, int rounded) = Agreement(one, other);
        List<OutputDifference> outputs = [];
        bool[]? leftOut = null;
        if (one.Call.Kind == ComponentKind.Attention && !one.Call.Gradient && inputs == InputAgreement.Own)
            stray.PassAttention();
        ChoiceDifference? choices = ChoicesOf(one, other, inputs, ref leftOut);
        double largest = 0;
        foreach ((string role, TraceTensor tensor) in one.Outputs)
        {
            if (tensor.IsInteger || !other.Outputs.TryGetValue(role, out TraceTensor? second))
                continue;
            if (one.Call.Kind == ComponentKind.Router && role == "weights")
                second = ChoiceRule.InOrderOf(one.Outputs.Of("choices"), other.Outputs.Of("choices"), second);
            else if (role == "grad_weights")
                second = ChoiceRule.InOrderOf(one.Inputs.Of("choices"), other.Inputs.Of("choices"), second);
            Rounding rounding = Rounding.Of(one, role);
            double deviation = (rounding with { Narrow = rounding.Narrow + rounded }).Deviation(unit);
            largest = Math.Max(largest, deviation);
            if (inputs == InputAgreement.Own)
            {
                deviation = Math.Sqrt(Math.Pow(deviation, 2) + before);
                if (one.Call.Gradient || role is "balance" or "z")
                {
                    // These have a part of every token in them, also of those that went another way.
                    outputs.Add(OutputDifference.OfNorm(role, tensor, second, deviation, unit.Narrow, Math.Sqrt(2 * stray.FlippedShare)));
                    continue;
                }
                leftOut ??= HasRows(tensor, stray.Count) ? stray.Mask : null;
            }
            outputs.Add(OutputDifference.Of(
                role, tensor, second, byRow: !one.Call.Gradient && one.Call.Kind != ComponentKind.Optimizer,
                leftOut is not null && HasRows(tensor, leftOut.Length) ? leftOut : null, deviation, rounding.Narrow + rounded > 0 || inputs == InputAgreement.Own ? unit.Narrow : unit.Wide,
                Rounding.SizeOfTerms(one, role)));
        }
        if (one.Stage is AlignmentStage.Forward or AlignmentStage.Backward)
            before += largest * largest;
        return new ComponentDifference(one.Stage, one.Name, one.Call.Kind, one.Call.Gradient, inputs, outputs, choices);
    }

    private static bool HasRows(TraceTensor tensor, int rows) => tensor.Shape.Count > 0 && tensor.Shape[0] == rows;

    /// <summary>What was chosen, where choices are an output; where logits are, what would be chosen by either's.</summary>
    private ChoiceDifference? ChoicesOf(TracedComponent one, TracedComponent other, InputAgreement inputs, ref bool[]? leftOut)
    {
        if (one.Call.Gradient || !other.Outputs.ContainsKey(one.Call.Kind == ComponentKind.Router ? "choices" : "logits"))
            return null;
        ModelConfig shape = one.Call.Shape;
        if (one.Call.Kind == ComponentKind.RouterLogits)
        {
            TraceTensor logits = one.Outputs.Of("logits"), others = other.Outputs.Of("logits");
            TraceTensor? steering = one.Stage == AlignmentStage.Operators ? null : a.Parameters.GetValueOrDefault(BiasOf(one.Name));
            if (shape.MoeRouterEnableExpertBias && steering is null)
                return null;
            return ChoiceDifference.Of(
                ChoiceRule.Choose(logits, steering, shape), ChoiceRule.Choose(others, steering, shape), logits, steering, shape, sameLogits: false,
                LogitTolerance(logits, Rounding.Of(one, "logits"), inputs), null);
        }
        if (one.Call.Kind != ComponentKind.Router)
            return null;
        TraceTensor chosenBy = one.Inputs.Of("logits");
        int tokens = chosenBy.Count / chosenBy.Width;
        if (inputs == InputAgreement.Own && stray.Count != tokens)
            stray = new StrayTokens(tokens, Math.Max(1, tokens / one.Call.Sequences));
        leftOut = inputs == InputAgreement.Own ? stray.Mask : new bool[tokens];
        bool sameBits = inputs == InputAgreement.Same && chosenBy.HasSameNumbers(other.Inputs.Of("logits"));
        ChoiceDifference difference = ChoiceDifference.Of(
            one.Outputs.Of("choices"), other.Outputs.Of("choices"), chosenBy, one.Inputs.GetValueOrDefault("bias"), shape, sameBits,
            LogitTolerance(chosenBy, new Rounding(0, chosenBy.Width), inputs), leftOut);
        if (inputs == InputAgreement.Own)
            stray.Note(one.Outputs.Of("choices"), other.Outputs.Of("choices"));
        return difference;
    }

    private double LogitTolerance(TraceTensor logits, Rounding rounding, InputAgreement inputs)
    {
        double deviation = rounding.Deviation(unit);
        if (inputs == InputAgreement.Own)
            deviation = Math.Sqrt(Math.Pow(deviation, 2) + before);
        return deviation * Rounding.Extreme(logits.Count) * logits.Size;
    }

    private (InputAgreement Agreement, int Rounded) Agreement(TracedComponent one, TracedComponent other)
    {
        int rounded = 0;
        foreach ((string role, TraceTensor tensor) in one.Inputs)
        {
            if (!other.Inputs.TryGetValue(role, out TraceTensor? second) || tensor.HasSameNumbers(second))
                continue;
            if (!AreSameRounded(tensor, second, unit))
                return (InputAgreement.Own, 0);
            rounded++;
        }
        return (InputAgreement.Same, rounded);
    }

    /// <summary>Whether one is the other rounded to the coarser dtype.</summary>
    private static bool AreSameRounded(TraceTensor one, TraceTensor other, Roundoffs unit)
    {
        if (unit.Narrow <= unit.Wide || one.IsInteger || one.Count != other.Count)
            return false;
        for (int i = 0; i < one.Count; i++)
        {
            (double first, double second) = (one.Floats[i], other.Floats[i]);
            if (!(Math.Abs(first - second) <= unit.Narrow * Math.Max(Math.Abs(first), Math.Abs(second))))
                return false;
        }
        return true;
    }

    private static string BiasOf(string gate)
    {
        string[] parts = gate.Split('.');
        return parts.Length > 2 ? "bias." + parts[2] : "";
    }

    private (TracedComponent, TracedComponent)? Pair(AlignmentStage stage, string name) =>
        a.Find(stage, name) is TracedComponent first && b.Find(stage, name) is TracedComponent second ? (first, second) : null;

    private static List<string> Missing(Trace one, Trace other) =>
        [.. one.Components.Where(component => other.Find(component.Stage, component.Name) is null).Select(component => component.Name)];

    private static void CheckSame(Trace a, Trace b, Roundoffs unit)
    {
        YamlMap first = YamlWriter.ToNode(a.Model), second = YamlWriter.ToNode(b.Model);
        foreach ((YamlEntry one, YamlEntry other) in first.Entries.Zip(second.Entries))
        {
            if (one.Value is YamlScalar left && other.Value is YamlScalar right && left.Text != right.Text)
                throw new InputException($"the traces are of different models: {one.Key} is {left.Text} in the first and {right.Text} in the second");
        }
        foreach ((string name, TraceTensor weight) in a.Parameters)
        {
            if (b.Parameters.TryGetValue(name, out TraceTensor? other) && !weight.HasSameNumbers(other) && !AreSameRounded(weight, other, unit))
                throw new InputException($"the traces have different weights, {MessageText.OneLine(name, 200)} for one; record the second with --inputs and the first trace");
        }
        if (a.Training is not null && b.Training is not null && (a.Training.Data != b.Training.Data || a.Training.Losses.Count != b.Training.Losses.Count))
        {
            throw new InputException(
                $"the traces were trained on different data: {MessageText.OneLine(a.Training.Data, 200)}, {a.Training.Losses.Count} steps, and " +
                $"{MessageText.OneLine(b.Training.Data, 200)}, {b.Training.Losses.Count} steps");
        }
    }

    private void CheckSameShapes(TracedComponent one, TracedComponent other)
    {
        string name = $"component {MessageText.Quote(one.Name)}";
        if (one.Call.Kind != other.Call.Kind || one.Call.Gradient != other.Call.Gradient)
            throw new InputException($"{name} is {one.Call.Kind} in the first trace and {other.Call.Kind} in the second");
        foreach ((string role, TraceTensor tensor) in one.Inputs)
        {
            if (!other.Inputs.TryGetValue(role, out TraceTensor? second))
                continue;
            Check(role, tensor, second);
            bool isMadeUp = one.Stage == AlignmentStage.Operators || role is "ids" or "targets";
            if (isMadeUp && !tensor.HasSameNumbers(second) && !AreSameRounded(tensor, second, unit))
                throw new InputException($"{name} has another {role} in the second trace; record both with the same seed, or the second with --inputs and the first trace");
        }
        foreach ((string role, TraceTensor tensor) in one.Outputs)
        {
            if (other.Outputs.TryGetValue(role, out TraceTensor? second))
                Check(role, tensor, second);
        }

        void Check(string role, TraceTensor first, TraceTensor second)
        {
            if (!first.Shape.SequenceEqual(second.Shape) || first.IsInteger != second.IsInteger)
            {
                throw new InputException(
                    $"{name}: {role} has the shape [{string.Join(", ", first.Shape)}] in the first trace and [{string.Join(", ", second.Shape)}] in the second");
            }
        }
    }
}
