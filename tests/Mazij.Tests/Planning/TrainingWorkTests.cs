using Mazij.Configuration;
using Mazij.Kernels;
using Mazij.Models;
using Mazij.Planning;

namespace Mazij.Tests.Planning;

/// <summary>The work of a step, next to the model FLOPs that are counted apart from it.</summary>
public sealed class TrainingWorkTests
{
    private static readonly ModelConfig moe = ModelPresets.Find("bench-157m")!;

    private static readonly ModelConfig mixed = moe with { FirstKDenseReplace = 2, IntermediateSize = 1000, NumAttentionHeads = 6, HeadDim = 40, NumKeyValueHeads = 2 };

    private static readonly ModelConfig dense = moe with { NumExperts = 0, NumSharedExperts = 0, IntermediateSize = 700, TieWordEmbeddings = true };

    public static TheoryData<string> Models => ["moe", "mixed", "dense"];

    private static ModelConfig Of(string name) => name switch
    {
        "moe" => moe,
        "mixed" => mixed,
        _ => dense,
    };

    private static double Flops(IEnumerable<KernelWork> work, params KernelName[] without) =>
        work.Where(part => !without.Contains(part.Kernel)).Sum(part => part.Flops);

    [Theory]
    [MemberData(nameof(Models))]
    public void Products_of_a_micro_batch_are_the_models_flops(string name)
    {
        ModelConfig model = Of(name);
        IReadOnlyList<KernelWork> work = new TrainingWork(model, 2).MicroBatch(3, 100);
        double attention = 2.0 * 100 * model.NumAttentionHeads * model.ResolvedHeadDim * model.NumHiddenLayers;
        double expected = 300 * (ModelCost.TrainingFlopsPerToken(model, 100) - 3 * attention);
        Assert.Equal(expected, Flops(work, KernelName.Attention), 1e-9 * expected);
        // The backward pass computes the scores once more: five products beside the forward pass's two.
        Assert.Equal(300 * attention * 3.5, Flops(work) - expected, 1e-9 * expected);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void The_shapes_of_products_multiply_to_their_flops(string name)
    {
        foreach (KernelWork part in new TrainingWork(Of(name), 4).MicroBatch(2, 64, ActivationCheckpointing.Full).Where(part => part.Flops > 0))
        {
            KernelCall call = part.Call;
            double products = call.Flops / (2 * call.Groups * call.Rows * call.Columns * call.Depth);
            // Attention's two, of which half is masked, and an expert's three; of a recomputation gate and up alone.
            double[] expected = (part.Kernel, part.Backward) switch
            {
                (KernelName.Attention, false) => [1],
                (KernelName.Attention, true) => [2.5],
                (KernelName.Experts, false) => [3, 2],
                (KernelName.Experts, true) => [6],
                (KernelName.Head, _) => [3],
                (_, true) => [2],
                _ => [1],
            };
            Assert.Contains(expected, value => Math.Abs(value - products) < 1e-9);
        }
    }

    [Fact]
    public void Every_token_choice_is_a_row_of_some_expert()
    {
        KernelCall experts = new TrainingWork(moe, 2).MicroBatch(4, 128)
            .First(part => part.Kernel == KernelName.Experts && part.Call.Groups == moe.NumExperts).Call;
        Assert.Equal(4.0 * 128 * moe.NumExpertsPerTok, experts.Groups * experts.Rows, 1e-6);
    }

    [Fact]
    public void More_recomputation_is_more_work_and_only_forward()
    {
        TrainingWork work = new(mixed, 2);
        double[] flops = [.. Enum.GetValues<ActivationCheckpointing>().Select(mode => Flops(work.MicroBatch(2, 64, mode)))];
        Assert.True(flops[0] < flops[1] && flops[1] < flops[2]);
        double backward = work.MicroBatch(2, 64).Where(part => part.Backward).Sum(part => part.Flops);
        Assert.Equal(backward, work.MicroBatch(2, 64, ActivationCheckpointing.Full).Where(part => part.Backward).Sum(part => part.Flops));
        // Everything but the experts' down projections is computed again.
        double layers = Flops(work.Forward(2, 64)), down = work.Forward(2, 64).Where(part => part.Kernel == KernelName.Experts).Sum(part => part.Flops) / 3;
        Assert.Equal(layers - down, flops[2] - flops[0], 1e-9 * layers);
    }
}
