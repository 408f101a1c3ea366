using System.Globalization;
using Mazij.Configuration;
using Mazij.Kernels;
using Mazij.Models;
using Mazij.Training;
using static TorchSharp.torch;

namespace Mazij.Devices.Alignment;

/// <summary>What a training step does around its passes.</summary>
internal static class StepComponents
{
    /// <summary>Updates that the optimiser component makes on the same gradients.</summary>
    public const int Updates = 3;

    /// <summary>Its settings: the report's.</summary>
    public static TrainingConfig Recipe { get; } = new() { LearningRate = 1e-3 };

    /// <summary>x.I and grad.I of each micro-batch -> grad_weight, summed over them.</summary>
    public static TensorMap Accumulate(Workbench bench)
    {
        int outputs = bench.Inputs.Of(Role("grad", 0)).Width, inputs = bench.Inputs.Of(Role("x", 0)).Width;
        ModelConfig shape = Workbench.Smallest with { HiddenSize = outputs, HeadDim = inputs };
        Parameter weight = bench.Parameters(shape)[Workbench.LayerPrefix + "attention.dense.weight"];
        for (int i = 0; i < bench.Call.MicroBatches; i++)
        {
            GradientTarget target = weight.TakeGradient();
            Linear.AccumulateWeightGradient(
                target.Gradient, bench.Narrow(Role("grad", i)), bench.Narrow(Role("x", i)), bench.Portable, overwrite: !target.Accumulates);
        }
        return Workbench.Outputs(("grad_weight", weight.Gradient));
    }

    /// <summary>gradient -> norm, factor.</summary>
    public static TensorMap Clip(Workbench bench)
    {
        double norm = GradientClipping.Norm(bench.Wide("gradient"), bench.Portable);
        return new TensorMap
        {
            ["norm"] = new TraceTensor(norm),
            ["factor"] = new TraceTensor(GradientClipping.Factor(norm, Recipe.MaxGradNorm)),
        };
    }

    /// <summary>Each parameter and its gradient (grad.NAME) of one layer -> each parameter behind <see cref="Updates"/> updates.</summary>
    public static TensorMap Optimize(Workbench bench)
    {
        ParameterSet parameters = bench.Parameters(bench.Shape, [.. NamesOf(bench.Shape).Select(name => (name, name))]);
        foreach (Parameter parameter in parameters.All)
        {
            using Tensor gradient = bench.Wide("grad." + parameter.Spec.Name);
            parameter.Gradient.copy_(gradient);
        }
        using AdamW optimizer = new(parameters, Recipe, bench.Portable);
        for (int i = 0; i < Updates; i++)
            optimizer.Step(Recipe.LearningRate);
        TensorMap outputs = [];
        foreach (Parameter parameter in parameters.All)
            outputs.Add(parameter.Spec.Name, TraceTensor.Of(parameter.Master));
        return outputs;
    }

    /// <summary>The parameters of a model.</summary>
    public static IEnumerable<string> NamesOf(ModelConfig shape) => new ParameterLayout(shape).Specs.Select(spec => spec.Name);

    /// <summary>The role of a micro-batch's input.</summary>
    public static string Role(string name, int microBatch) => string.Create(CultureInfo.InvariantCulture, $"{name}.{microBatch}");
}
