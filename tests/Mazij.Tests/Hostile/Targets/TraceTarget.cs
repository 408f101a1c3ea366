using Mazij.Devices.Alignment;
using Mazij.Formats.Safetensors;
using Mazij.Models;
using Mazij.Tests.Hostile.Mutations;

namespace Mazij.Tests.Hostile.Targets;

/// <summary>A recorded trace: what is read of it can be compared, and the comparison ends.</summary>
internal sealed class TraceTarget : HostileTarget
{
    private const string Manifest = "trace.json", Tensors = "tensors.safetensors";
    private readonly Trace whole;

    public TraceTarget()
    {
        ModelConfig model = Workbench.Smallest with
        {
            VocabSize = 7,
            HiddenSize = 4,
            NumExperts = 4,
            NumExpertsPerTok = 2,
            NumSharedExperts = 1,
            MoeIntermediateSize = 3,
            NormHead = true,
        };
        TensorMap weights = AlignmentSetting.Weights(model, 3, null);
        AlignmentSetting setting = new(model, weights, ElementType.BF16, 3, Sequences: 2, SequenceLength: 4, TrainingPlan.OnWalks(model, weights, 3, 2, 4, 2));
        Trace recorded = new Recorder(new MazijImplementation(Execution.Parse("cpu,threads=1")), setting, null, _ => { }, CancellationToken.None).Record();
        // The smallest operators of each kind: files are written and read a thousand times.
        whole = new Trace(
            recorded.Origin, recorded.Model, recorded.Parameters,
            [.. recorded.Components.Where(component => component.Stage != AlignmentStage.Operators && component.Call.Kind is not (ComponentKind.Accumulation or ComponentKind.Clipping or ComponentKind.Optimizer))],
            recorded.Training);
        TraceFolder.Write(Folder.Path, whole);
        Folder.TakeOriginals();
    }

    public override string Name => "trace";

    public override int Share => 90;

    protected override IReadOnlyList<(string File, Mutation How)> Kinds { get; } =
    [
        (Manifest, JsonMutations.Any), (Manifest, JsonMutations.Any), (Manifest, TextMutations.Any), (Manifest, ByteMutations.Any),
        (Tensors, SafetensorsMutations.Any), (Tensors, SafetensorsMutations.Any), (Tensors, ByteMutations.Any),
    ];

    public override void Read()
    {
        Trace read = TraceFolder.Read(Folder.Path);
        foreach ((Trace a, Trace b) in ((Trace, Trace)[])[(whole, read), (read, whole), (read, read)])
        {
            try
            {
                AlignmentResult result = TraceComparison.Of(a, b);
                Assert.True(result.IsAligned == (result.FirstName is null));
            }
            catch (InputException error)
            {
                // Read whole, but not of the same model or of other shapes.
                Assert.DoesNotContain('\n', error.Message);
            }
        }
    }
}
