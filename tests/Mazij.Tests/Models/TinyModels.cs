using Mazij.Models;
using Mazij.Tests.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Models;

/// <summary>Models of a few thousand weights that exercise every part.</summary>
internal static class TinyModels
{
    /// <summary>Ling 1: softmax routing, NormHead, two shared experts, every layer with experts.</summary>
    public static ModelConfig Softmax { get; } = new()
    {
        VocabSize = 23,
        HiddenSize = 20,
        NumHiddenLayers = 2,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 2,
        HeadDim = 6,
        NumExperts = 6,
        NumExpertsPerTok = 2,
        NumSharedExperts = 2,
        MoeIntermediateSize = 7,
        RopeTheta = 100,
        NormHead = true,
    };

    /// <summary>Ling 2 with everything on: groups, bias, scaling, norms of q and k, partial rotation, a dense layer, two
    /// multi-token prediction layers, NormHead.</summary>
    public static ModelConfig Everything { get; } = new()
    {
        ModelType = ModelType.BailingMoeV2,
        VocabSize = 19,
        HiddenSize = 18,
        IntermediateSize = 13,
        NumHiddenLayers = 3,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 2,
        HeadDim = 8,
        NumExperts = 8,
        NumExpertsPerTok = 3,
        NumSharedExperts = 1,
        MoeIntermediateSize = 9,
        FirstKDenseReplace = 1,
        ScoreFunction = ScoreFunction.Sigmoid,
        MoeRouterEnableExpertBias = true,
        NGroup = 4,
        TopkGroup = 2,
        RoutedScalingFactor = 2.5,
        UseQkNorm = true,
        PartialRotaryFactor = 0.5,
        RopeTheta = 100,
        RmsNormEps = 1e-6,
        NormHead = true,
        NumNextnPredictLayers = 2,
        MtpLossScalingFactor = 0.3,
        PadTokenId = 18,
    };

    /// <summary>The dense control: a Llama-style transformer.</summary>
    public static ModelConfig Dense { get; } = new()
    {
        VocabSize = 17,
        HiddenSize = 12,
        IntermediateSize = 21,
        NumHiddenLayers = 2,
        NumAttentionHeads = 3,
        NumKeyValueHeads = 1,
        NumExperts = 0,
        RopeTheta = 100,
    };

    /// <summary>A model in training whose weights, gains and expert biases are all drawn at random.</summary>
    public static MoeTransformer Create(ModelConfig config, int seed, ScalarType computeType = ScalarType.Float32)
    {
        MoeTransformer model = new(config, ParameterSet.ForTraining(new ParameterLayout(config), CPU, computeType), CPU);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable gradientsOff = no_grad();
        foreach (Parameter parameter in model.Parameters.All)
        {
            ParameterSpec spec = parameter.Spec;
            double[] values = Numbers.Normal(spec.Count, (int)(StableHash.Of(seed, spec.Name) % int.MaxValue), 0.3);
            if (spec.Init == ParameterInit.Ones)
                values = [.. values.Select(value => 1 + 0.5 * value)];
            parameter.Master.copy_(tensor(values, spec.Shape));
        }
        foreach ((int layer, RouterState router) in model.RouterStates)
            router.Bias?.copy_(tensor(Numbers.Normal(config.NumExperts, seed + layer, 0.1)));
        model.WeightsChanged();
        return model;
    }

    /// <summary>[batch, length] ids drawn at random.</summary>
    public static long[][] Ids(ModelConfig config, int batch, int length, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, batch).Select(_ =>
            Enumerable.Range(0, length).Select(_ => (long)random.Next(config.VocabSize)).ToArray())];
    }

    /// <summary>The ids as a tensor [batch, length].</summary>
    public static Tensor ToTensor(long[][] ids) =>
        tensor([.. ids.SelectMany(row => row)], [ids.Length, ids[0].Length]);
}
