using Mazij.Devices.Alignment;
using Mazij.Formats.Safetensors;
using Mazij.Tests.Training;

namespace Mazij.Tests.Devices.Alignment;

/// <summary>Executions that differ in rounding alone are aligned.</summary>
[Collection(nameof(QuietTests))]
public sealed class HealthyPairTests
{
    [Theory]
    [InlineData(1, "cpu,fp32,portable", "cpu,fp32,simd")]
    [InlineData(2, "cpu,fp32,portable", "cpu,fp32,simd")]
    [InlineData(1, "cpu,fp32,simd,threads=1", "cpu,fp32,simd,threads=2")]
    [InlineData(2, "cpu,bf16,portable,threads=1", "cpu,bf16,portable,threads=2")]
    [InlineData(1, "cpu,fp32,portable", "cpu,bf16,simd")]
    [InlineData(2, "cpu,fp32,simd", "cpu,bf16,portable")]
    [InlineData(1, "cpu,bf16,portable", "cpu,bf16,simd")]
    public void Rounding_alone_is_no_divergence(int generation, string a, string b)
    {
        (Execution first, Execution second) = (Execution.Parse(a), Execution.Parse(b));
        AlignmentSetting setting = AlignmentWorld.SettingOf(
            generation == 1 ? AlignmentWorld.Ling1 : AlignmentWorld.Ling2, Roundoffs.CommonType(first, second), steps: 8);
        Trace recorded = AlignmentWorld.Record(a, setting);
        AlignmentResult result = TraceComparison.Of(recorded, AlignmentWorld.Record(b, setting, recorded));
        Assert.True(result.IsAligned, AlignmentWorld.Describe(result));
        Assert.All(result.Components.Where(component => component.Kind is not (ComponentKind.Model or ComponentKind.Step)),
            component => Assert.Equal(InputAgreement.Same, component.Inputs));
        Assert.Empty(result.OnlyA);
        Assert.Empty(result.OnlyB);
        // Each stage has been there, in the report's order, and the routers' gradients lead the backward pass.
        Assert.Equal(Enum.GetValues<AlignmentStage>(), result.Components.Select(component => component.Stage).Distinct());
        Assert.EndsWith(".mlp.router", result.Components.First(component => component.Stage == AlignmentStage.Backward).Name, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cpu,fp32,simd", false)]
    [InlineData("cpu,bf16,simd", true)]
    public void Executions_that_feed_themselves_are_aligned_too(string b, bool narrow)
    {
        AlignmentSetting setting = AlignmentWorld.SettingOf(AlignmentWorld.Ling1, narrow ? ElementType.BF16 : ElementType.F32);
        AlignmentResult result = TraceComparison.Of(AlignmentWorld.Record("cpu,fp32,portable", setting), AlignmentWorld.Record(b, setting));
        Assert.True(result.IsAligned, AlignmentWorld.Describe(result));
        Assert.Contains(result.Components, component => component.Inputs == InputAgreement.Own && component.Kind == ComponentKind.RmsNorm);
    }

    [Fact]
    public void An_execution_agrees_with_itself_to_the_bit()
    {
        AlignmentSetting setting = AlignmentWorld.SettingOf(AlignmentWorld.Ling2, steps: 3);
        Trace once = AlignmentWorld.Record("cpu,fp32,simd", setting);
        AlignmentResult result = TraceComparison.Of(once, AlignmentWorld.Record("cpu,fp32,simd", setting));
        Assert.All(result.Components, component => Assert.True(component.Worst is null or { MaximumUlps: 0 }, component.Name));
        Assert.Equal(0, result.Curve!.Largest);
    }
}
