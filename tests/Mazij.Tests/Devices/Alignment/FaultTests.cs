using Mazij.Devices.Alignment;
using Mazij.Formats.Safetensors;
using Mazij.Tests.Training;

namespace Mazij.Tests.Devices.Alignment;

/// <summary>Every defect is found, and the first component that has it is named; nothing is found where there is none.</summary>
[Collection(nameof(QuietTests))]
public sealed class FaultTests(AlignmentWorld world) : IClassFixture<AlignmentWorld>
{
    [Theory]
    [InlineData("epsilon of RMSNorm", "rms_norm 5 x 48 of size 1", "y")]
    [InlineData("RoPE turns neighbours, not halves", "rope 1 x 17, 2 x 16, 100% turned", "y")]
    [InlineData("NormHead over the other dimension", "NormHead 130 x 128 x 500", "logits")]
    [InlineData("NormHead's norm has a gradient", "NormHead 130 x 128 x 500 gradient", "grad_weight")]
    [InlineData("softmax of attention in bf16", "attention 2 x 33, 4 over 2 heads of 32", "context")]
    [InlineData("softmax of the router in bf16", "router softmax 5 x 4, top 1", "weights")]
    [InlineData("ties go to the higher number", "router ties 96 x 16, top 4", "choices")]
    [InlineData("router weights are not divided by their sum", "router softmax 64 x 8, top 2", "weights")]
    [InlineData("shared expert is added twice", "experts with shared ones 64 x 128, 2 of 8 x 96, 2 shared", "y")]
    [InlineData("balance loss is a sum, not a mean", "router softmax 5 x 4, top 1", "balance")]
    [InlineData("balance loss has no gradient", "router softmax 5 x 4, top 1 gradient", "grad_logits")]
    [InlineData("gradients are accumulated in bf16", "gradient accumulation over 16 micro-batches", "grad_weight")]
    [InlineData("weight decay on the gains of norms", "AdamW, 3 updates", "model.layers.0.input_layernorm.weight")]
    [InlineData("losses of micro-batches are added, not averaged", "step of 2 micro-batches", "loss")]
    [InlineData("tokens beyond an expert's capacity are dropped", "experts 64 x 128, 2 of 8 x 96", "y")]
    [InlineData("attention sees the next token", "attention 2 x 33, 4 over 2 heads of 32", "context")]
    [InlineData("heads share keys in turn, not in groups", "attention 2 x 33, 4 over 2 heads of 32", "context")]
    [InlineData("gradient norm without its root", "gradient clipping", "norm")]
    public void A_defect_is_found_and_named(string fault, string component, string output)
    {
        Trace faulty = AlignmentWorld.Record(
            "cpu,fp32,simd", AlignmentWorld.SettingOf(AlignmentWorld.Ling1), world.Reference, sound => new FaultyImplementation(sound, Faults.All[fault]));
        AlignmentResult result = TraceComparison.Of(world.Reference, faulty);
        Assert.Equal((component, output), (result.FirstName, result.First?.FirstOutput));
    }

    [Fact]
    public void Every_defect_is_tried() => Assert.Equal(18, Faults.All.Count);

    /// <summary>Where only one of a model's modules is damaged, no operator shows it, and the modules behind it are sound.</summary>
    [Theory]
    [InlineData("model.layers.1.post_attention_layernorm", true)]
    [InlineData("model.layers.1.post_attention_layernorm", false)]
    [InlineData("model.layers.0.attention.dense", true)]
    [InlineData("model.norm", false)]
    public void A_damaged_module_is_the_first_to_diverge(string module, bool sameInputs)
    {
        AlignmentSetting setting = AlignmentWorld.SettingOf(AlignmentWorld.Ling1);
        TraceTensor weight = world.Reference.Parameters.Of(module + ".weight");
        // The trace's own weights, so that they can be told apart by what they are.
        setting = setting with { Parameters = world.Reference.Parameters };
        Trace faulty = AlignmentWorld.Record("cpu,fp32,simd", setting, sameInputs ? world.Reference : null, sound => new FaultyImplementation(sound, (call, inputs, inner) =>
        {
            if (call.Gradient || !inputs.TryGetValue("weight", out TraceTensor? used) || !ReferenceEquals(used, weight))
                return null;
            TensorMap outputs = inner.Run(call, inputs);
            outputs["y"] = outputs.Of("y").RoundedTo(ElementType.BF16);
            return outputs;
        }));
        AlignmentResult result = TraceComparison.Of(world.Reference, faulty);
        Assert.Equal(module, result.FirstName);
        Assert.Equal(AlignmentStage.Forward, result.First!.Stage);
        if (sameInputs)
            Assert.Single(result.Components, component => component.Diverges);
    }

    [Fact]
    public void A_learning_rate_that_is_off_is_found_by_the_losses_alone()
    {
        AlignmentSetting setting = AlignmentWorld.SettingOf(AlignmentWorld.Ling1, steps: 12);
        Trace sound = AlignmentWorld.Record("cpu,fp32,portable", setting);
        Trace faulty = AlignmentWorld.Record("cpu,fp32,simd", setting, sound, inner => new FaultyImplementation(inner, (_, _, _) => null)
        {
            Plan = plan => plan with { Training = plan.Training with { LearningRate = 1.5 * plan.Training.LearningRate } },
        });
        AlignmentResult result = TraceComparison.Of(sound, faulty);
        Assert.Null(result.First);
        Assert.Equal(CurveDifference.Name, result.FirstName);
    }

    [Fact]
    public void A_number_that_is_none_agrees_with_nothing()
    {
        Trace faulty = AlignmentWorld.Record("cpu,fp32,simd", AlignmentWorld.SettingOf(AlignmentWorld.Ling1), world.Reference, sound => new FaultyImplementation(sound, (call, inputs, inner) =>
        {
            if (call.Kind != ComponentKind.Mlp)
                return null;
            TensorMap outputs = inner.Run(call, inputs);
            string role = outputs.Keys.First();
            float[] values = outputs.Of(role).Floats.ToArray();
            values[^1] = float.NaN;
            outputs[role] = new TraceTensor(ElementType.F32, outputs.Of(role).Shape, values);
            return outputs;
        }));
        Assert.Equal("mlp 7 x 48 x 40", TraceComparison.Of(world.Reference, faulty).FirstName);
    }
}
