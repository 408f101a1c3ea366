using Mazij.Devices.Alignment;
using Mazij.Formats.Safetensors;
using Mazij.Models;

namespace Mazij.Tests.Devices.Alignment;

/// <summary>Small models and traces of them that tests share.</summary>
public sealed class AlignmentWorld
{
    /// <summary>A Ling 1 model.</summary>
    internal static ModelConfig Ling1 { get; } = new()
    {
        VocabSize = 160,
        HiddenSize = 64,
        NumHiddenLayers = 2,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 2,
        NumExperts = 8,
        NumExpertsPerTok = 2,
        NumSharedExperts = 1,
        MoeIntermediateSize = 48,
        NormHead = true,
        InitializerRange = 0.02,
    };

    /// <summary>A Ling 2 model with a dense layer, groups and expert bias.</summary>
    internal static ModelConfig Ling2 { get; } = Ling1 with
    {
        ModelType = ModelType.BailingMoeV2,
        NumHiddenLayers = 2,
        FirstKDenseReplace = 1,
        IntermediateSize = 80,
        ScoreFunction = ScoreFunction.Sigmoid,
        MoeRouterEnableExpertBias = true,
        NGroup = 4,
        TopkGroup = 2,
        RoutedScalingFactor = 2.5,
        UseQkNorm = true,
        PartialRotaryFactor = 0.5,
        NormHead = false,
    };

    private readonly Lazy<Trace> reference = new(() => Record("cpu,fp32,portable", SettingOf(Ling1)));

    /// <summary>What plain operators compute in fp32, without a training.</summary>
    internal Trace Reference => reference.Value;

    /// <summary>What is recorded of a model.</summary>
    internal static AlignmentSetting SettingOf(ModelConfig model, ElementType inputType = ElementType.F32, long steps = 0, long seed = 5)
    {
        TensorMap weights = AlignmentSetting.Weights(model, seed, null);
        return new AlignmentSetting(
            model, weights, inputType, seed, Sequences: 4, SequenceLength: 24,
            steps == 0 ? null : TrainingPlan.OnWalks(model, weights, seed, 4, 24, steps));
    }

    /// <summary>Records an execution, whole or with a defect.</summary>
    internal static Trace Record(
        string execution, AlignmentSetting setting, Trace? given = null, Func<IImplementation, IImplementation>? wrap = null)
    {
        IImplementation sound = new MazijImplementation(Execution.Parse(execution));
        return new Recorder(wrap?.Invoke(sound) ?? sound, setting, given, _ => { }, TestContext.Current.CancellationToken).Record();
    }

    /// <summary>All that diverges, for a test's message.</summary>
    internal static string Describe(AlignmentResult result) => string.Join('\n', result.Components.Where(component => component.Diverges).Select(component =>
        $"{component.Stage} {component.Name}: {string.Join("; ", component.Outputs.Where(output => output.Diverges))} {component.Choices}")
        .Append($"curve {result.Curve?.End} {result.Curve?.Validation}"));
}
