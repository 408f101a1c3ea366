using Mazij.Models;
using Mazij.Training;

namespace Mazij.Devices.Alignment;

/// <summary>
/// Records one execution: operators, forward pass, backward pass, training, in this order. Without given inputs each module is fed
/// by the ones before it; with those of another trace, by what was fed to the other, so that no error is handed on.
/// </summary>
/// <param name="implementation">What computes.</param>
/// <param name="setting">What is computed.</param>
/// <param name="given">A trace whose inputs are used; null for none.</param>
/// <param name="progress">Told what comes next.</param>
/// <param name="cancellation">Ends the recording before the next component.</param>
/// <param name="twin">The unit roundoff by which weights are off in a second training; null for no such training.</param>
internal sealed class Recorder(
    IImplementation implementation, AlignmentSetting setting, Trace? given, Action<string> progress, CancellationToken cancellation,
    double? twin = null)
{
    private readonly List<TracedComponent> components = [];

    /// <summary>What is computed.</summary>
    public AlignmentSetting Setting => setting;

    /// <summary>Records everything.</summary>
    /// <exception cref="InputException">The given inputs do not fit this model.</exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public Trace Record()
    {
        progress("operators");
        foreach (OperatorCase one in OperatorCases.All)
            Run(AlignmentStage.Operators, one.Name, one.Call, one.MakeInputs(setting.Seed, setting.InputType));
        progress("forward pass");
        ModelPass pass = new(this);
        pass.Forward();
        progress("backward pass");
        pass.Backward();
        progress("training");
        foreach (OperatorCase one in OperatorCases.AroundTheStep)
            Run(AlignmentStage.Training, one.Name, one.Call, one.MakeInputs(setting.Seed, setting.InputType));
        pass.Steps();
        TrainingCurve? curve = setting.Plan is null ? null : implementation.Train(setting.Plan, ShowStep, cancellation);
        if (curve is not null && twin is double unit)
            curve = curve with { Twin = Twin(unit) };
        return new Trace(TraceOrigin.Of(implementation.Execution), setting.Model, setting.Parameters, components, curve);
    }

    /// <summary>The losses of the training from weights that are off by one rounding.</summary>
    /// <param name="unit">Unit roundoff of the coarser dtype that is compared.</param>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public IReadOnlyList<double> Twin(double unit)
    {
        progress("training once more, from weights that are off by one rounding");
        return implementation.Train(setting.Plan!.OffByOneRounding(unit), ShowStep, cancellation).Losses;
    }

    /// <summary>Computes a component and keeps it; what was given takes the place of its inputs.</summary>
    /// <returns>The inputs it was really fed, and its outputs.</returns>
    public TracedComponent Run(AlignmentStage stage, string name, ComponentCall call, TensorMap inputs)
    {
        cancellation.ThrowIfCancellationRequested();
        if (given?.Find(stage, name) is TracedComponent other)
            inputs = Replaced(inputs, other, call.Shape);
        TracedComponent component = new(stage, name, call, inputs, implementation.Run(call, inputs));
        components.Add(component);
        return component;
    }

    private static TensorMap Replaced(TensorMap inputs, TracedComponent other, ModelConfig shape)
    {
        TensorMap replaced = [];
        foreach ((string role, TraceTensor own) in inputs)
        {
            TraceTensor used = other.Inputs.GetValueOrDefault(role, own);
            if (!used.Shape.SequenceEqual(own.Shape) || used.IsInteger != own.IsInteger)
            {
                throw new InputException(
                    $"the given trace's component {MessageText.Quote(other.Name)} has an input {role} of shape [{string.Join(", ", used.Shape)}]; " +
                    $"this model needs [{string.Join(", ", own.Shape)}]");
            }
            if (used.IsInteger && FindOther(used, role == "choices" ? shape.NumExperts : shape.VocabSize) is long number)
                throw new InputException($"the given trace's component {MessageText.Quote(other.Name)} has the number {number} among its {role}, which this model does not have");
            replaced.Add(role, used);
        }
        return replaced;
    }

    private static long? FindOther(TraceTensor numbers, int limit)
    {
        foreach (long number in numbers.Integers)
        {
            if (number < 0 || number >= limit)
                return number;
        }
        return null;
    }

    private void ShowStep(StepRecord record)
    {
        if (setting.Plan!.Training.Stop.Steps is long steps && (record.Step % Math.Max(1, steps / 10) == 0 || record.Step == 1))
            progress(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"step {record.Step} of {steps}, loss {record.Loss:F4}"));
    }
}
