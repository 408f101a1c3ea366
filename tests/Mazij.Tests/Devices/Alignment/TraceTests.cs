using Mazij.Devices.Alignment;
using Mazij.Formats.Safetensors;
using Mazij.Models;
using Mazij.Tests.Training;

namespace Mazij.Tests.Devices.Alignment;

[Collection(nameof(QuietTests))]
public sealed class TraceTests(AlignmentWorld world) : IClassFixture<AlignmentWorld>, IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("mazij-trace-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_trace_that_was_written_reads_back_bit_by_bit()
    {
        string path = Path.Combine(folder, "a");
        AlignmentSetting setting = AlignmentWorld.SettingOf(AlignmentWorld.Ling2, ElementType.BF16, steps: 2);
        Trace written = AlignmentWorld.Record("cpu,bf16,simd", setting);
        TraceFolder.Write(path, written);
        Trace read = TraceFolder.Read(path);
        Assert.Equal(written.Origin, read.Origin);
        Assert.Equal(written.Model, read.Model);
        Assert.Equal(written.Training!.Losses, read.Training!.Losses);
        Assert.Equal(written.Parameters.Keys.Order(), read.Parameters.Keys.Order());
        foreach ((TracedComponent one, TracedComponent other) in written.Components.Zip(read.Components))
        {
            Assert.Equal((one.Stage, one.Name, one.Call), (other.Stage, other.Name, other.Call));
            AssertSame(one.Inputs, other.Inputs);
            AssertSame(one.Outputs, other.Outputs);
        }
        // Written once more, it replaces what is there, and leaves nothing else.
        TraceFolder.Write(path, read);
        Assert.Equal(["tensors.safetensors", "trace.json"], Directory.EnumerateFileSystemEntries(path).Select(Path.GetFileName).Order());
        Assert.Single(Directory.EnumerateFileSystemEntries(folder));
    }

    [Fact]
    public void Another_machine_is_fed_what_a_file_says()
    {
        string path = Path.Combine(folder, "a");
        TraceFolder.Write(path, world.Reference);
        Trace given = TraceFolder.Read(path);
        AlignmentSetting setting = AlignmentWorld.SettingOf(AlignmentWorld.Ling1) with { Parameters = given.Parameters };
        AlignmentResult result = TraceComparison.Of(given, AlignmentWorld.Record("cpu,fp32,simd", setting, given));
        Assert.True(result.IsAligned, AlignmentWorld.Describe(result));
        Assert.DoesNotContain(result.Components, component => component.Inputs == InputAgreement.Own && component.Kind is not (ComponentKind.Model or ComponentKind.Step));
    }

    [Fact]
    public void A_framework_may_write_some_components_only()
    {
        Trace part = new(
            new TraceOrigin("another framework", "cuda:0", "fp32", "eager", "another machine"), world.Reference.Model, [],
            [.. world.Reference.Components.Where(component => component.Call.Kind is ComponentKind.RmsNorm or ComponentKind.Head)], null);
        AlignmentResult result = TraceComparison.Of(world.Reference, part);
        Assert.True(result.IsAligned);
        Assert.All(result.Components, component => Assert.True(component.Kind is ComponentKind.RmsNorm or ComponentKind.Head));
        Assert.NotEmpty(result.OnlyA);
        Assert.Empty(result.OnlyB);
    }

    [Fact]
    public void Traces_of_different_things_are_refused()
    {
        Trace reference = world.Reference;
        Trace Other(ModelConfig? model = null, TensorMap? parameters = null, IReadOnlyList<TracedComponent>? components = null) =>
            new(reference.Origin, model ?? reference.Model, parameters ?? reference.Parameters, components ?? reference.Components, null);
        Refused(Other(model: reference.Model with { NumExpertsPerTok = 3 }), "different models", "num_experts_per_tok is 2", "3");
        Refused(Other(parameters: AlignmentSetting.Weights(AlignmentWorld.Ling1, 6, null)), "different weights", "--inputs");
        Refused(AlignmentWorld.Record("cpu,fp32,simd", AlignmentWorld.SettingOf(AlignmentWorld.Ling1, seed: 6) with { Parameters = reference.Parameters }), "seed");
        Refused(Other(components: []), "no component in common");
        TracedComponent first = reference.Components[0];
        Refused(Other(components: [first with { Call = first.Call with { Kind = ComponentKind.Linear } }]), "Router", "Linear");
        Refused(Other(components: [first with { Outputs = new TensorMap { ["weights"] = new TraceTensor(1) } }]), "shape", first.Name);

        void Refused(Trace other, params string[] parts)
        {
            InputException error = Assert.Throws<InputException>(() => TraceComparison.Of(reference, other));
            Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Inputs_of_another_shape_are_refused()
    {
        AlignmentSetting longer = AlignmentWorld.SettingOf(AlignmentWorld.Ling1) with { SequenceLength = 30 };
        InputException error = Assert.Throws<InputException>(() => AlignmentWorld.Record("cpu,fp32,simd", longer, world.Reference));
        Assert.Contains("model.word_embeddings", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Curves_and_their_difference_are_drawn()
    {
        TrainingCurve a = new("data", [5, 4, 3, double.NaN], null), b = new("data", [5, 4.1, 3, 2.9], null);
        AlignmentResult result = new(world.Reference.Origin, world.Reference.Origin, [], new CurveDifference(a, b), [], []);
        string path = Path.Combine(folder, "losses.png");
        AlignmentPlot.Write(result, path);
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(path)[..4]);
        Assert.Throws<InputException>(() => AlignmentPlot.Write(result with { Curve = null }, path));
        Assert.True(result.Curve!.Diverges);
    }

    [Fact]
    public void What_a_training_wanders_by_itself_is_allowed()
    {
        TrainingCurve a = new("data", [5, 4, 3, 3], null), b = new("data", [5, 4, 3, 3.03], null);
        Assert.True(new CurveDifference(a, b).Diverges);
        Assert.False(new CurveDifference(a with { Twin = [5, 4, 3, 2.98] }, b).Diverges);
        Assert.True(new CurveDifference(a with { Twin = [5, 4, 3, 2.999] }, b).Diverges);
        AlignmentSetting setting = AlignmentWorld.SettingOf(AlignmentWorld.Ling1, steps: 2);
        TrainingPlan moved = setting.Plan!.OffByOneRounding(1.0 / 256);
        TraceTensor before = setting.Parameters.Of("lm_head.weight"), after = moved.Parameters.Of("lm_head.weight");
        Assert.All(Enumerable.Range(0, before.Count), i => Assert.Equal(1.0 / 256, Math.Abs((after.Floats[i] / (double)before.Floats[i]) - 1), 1e-6));
    }

    private static void AssertSame(TensorMap one, TensorMap other)
    {
        Assert.Equal(one.Keys, other.Keys);
        foreach ((string role, TraceTensor tensor) in one)
        {
            Assert.Equal(tensor.Type, other.Of(role).Type);
            Assert.True(tensor.HasSameNumbers(other.Of(role)), role);
        }
    }
}
