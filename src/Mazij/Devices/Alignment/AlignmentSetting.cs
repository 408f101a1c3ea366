using Mazij.Formats.HuggingFace;
using Mazij.Formats.Safetensors;
using Mazij.Models;
using static TorchSharp.torch;

namespace Mazij.Devices.Alignment;

/// <summary>What is computed by every execution that is compared.</summary>
/// <param name="Model">The model.</param>
/// <param name="Parameters">Its weights, and expert biases, by name.</param>
/// <param name="InputType">The format that activations are rounded to before a module sees them: the coarser of the two executions'
/// dtypes, so that both are fed the same bits.</param>
/// <param name="Seed">Decides ids and the operators' numbers.</param>
/// <param name="Sequences">Sequences of the forward and backward pass.</param>
/// <param name="SequenceLength">Tokens predicted in each.</param>
/// <param name="Plan">The short training; null for none.</param>
internal sealed record AlignmentSetting(
    ModelConfig Model, TensorMap Parameters, ElementType InputType, long Seed, int Sequences, int SequenceLength, TrainingPlan? Plan)
{
    /// <summary>A model without its multi-token prediction layers, which are not compared: how often rounding sends their tokens to
    /// other experts is not seen from outside.</summary>
    public static ModelConfig Comparable(ModelConfig model) => model with { NumNextnPredictLayers = 0 };

    /// <summary>Freshly drawn weights, or those of a model folder, of what is compared.</summary>
    /// <param name="model">The model's shape.</param>
    /// <param name="seed">Decides fresh weights.</param>
    /// <param name="folder">The model folder, or null.</param>
    /// <exception cref="InputException">The folder is damaged or of another shape.</exception>
    public static TensorMap Weights(ModelConfig model, long seed, string? folder)
    {
        using MoeTransformer transformer = new(model, ParameterSet.ForTraining(new ParameterLayout(model), CPU, ScalarType.Float32), CPU);
        using IDisposable gradientsOff = no_grad();
        if (folder is null)
            transformer.Parameters.Initialize(seed, model.InitializerRange);
        else
            HuggingFaceModel.LoadInto(folder, transformer);
        TensorMap weights = [];
        ParameterLayout compared = new(Comparable(model));
        foreach (Parameter parameter in transformer.Parameters.All.Where(parameter => compared.Contains(parameter.Spec.Name)))
            weights.Add(parameter.Spec.Name, TraceTensor.Of(parameter.Master));
        foreach ((int layer, RouterState router) in transformer.RouterStates)
        {
            if (router.Bias is not null && layer < model.NumHiddenLayers)
                weights.Add(ModelComponents.BiasRole(layer), TraceTensor.Of(router.Bias));
        }
        return weights;
    }
}
