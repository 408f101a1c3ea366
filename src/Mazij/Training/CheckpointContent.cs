using Mazij.Formats.HuggingFace;
using Mazij.Models;
using static TorchSharp.torch;

namespace Mazij.Training;

/// <summary>Everything a checkpoint holds, at one moment: the live tensors, or copies of them.</summary>
/// <param name="State">What checkpoint.json will hold.</param>
/// <param name="Model">What the weights are of: the long-context phase changes the model's configuration while an earlier
/// checkpoint is still being written.</param>
/// <param name="Weights">The flat fp32 weights, laid out as <see cref="ParameterSet.MasterBuffer"/>.</param>
/// <param name="FirstMoment">AdamW's first moment, laid out as the weights.</param>
/// <param name="SecondMoment">AdamW's second moment, laid out as the weights.</param>
/// <param name="Biases">The routers' expert biases by layer; empty without.</param>
internal sealed record CheckpointContent(
    CheckpointState State, ModelConfig Model, Tensor Weights, Tensor FirstMoment, Tensor SecondMoment,
    IReadOnlyDictionary<int, Tensor> Biases)
{
    /// <summary>The expert bias that a slice names.</summary>
    public Tensor BiasOf(WeightSlice slice) => Biases[HuggingFaceModel.LayerOf(slice)];
}
