using CsCheck;
using Mazij.Planning;

namespace Mazij.Tests.Planning;

public sealed class DeviceMemoryPlanTests
{
    private const double GiB = 1L << 30;

    [Fact]
    public void One_device_holds_18_bytes_a_parameter()
    {
        DeviceMemoryPlan memory = Of(PlanWorld.Dense, new ParallelLayout { Zero = ZeroStage.None });
        double parameters = PlanWorld.Dense.TotalParameters;
        Assert.Equal(2 * parameters, memory.Weights, 1e-3 * parameters);
        Assert.Equal(4 * parameters, memory.Gradients, 1e-3 * parameters);
        Assert.Equal(12 * parameters, memory.Optimizer, 1e-3 * parameters);
    }

    [Fact]
    public void Each_stage_of_ZeRO_shards_one_thing_more()
    {
        DeviceMemoryPlan[] stages = [.. Enum.GetValues<ZeroStage>().Select(zero => Of(PlanWorld.Dense, new ParallelLayout { DataParallel = 64, Zero = zero }))];
        Assert.Equal(stages[0].Optimizer / 64, stages[1].Optimizer, 1);
        Assert.Equal((stages[0].Weights, stages[0].Gradients), (stages[1].Weights, stages[1].Gradients));
        Assert.True(stages[2].Gradients < stages[1].Gradients / 10);
        Assert.True(stages[3].Weights < stages[2].Weights / 10);
    }

    [Fact]
    public void Experts_are_sharded_over_their_own_replicas()
    {
        ParallelLayout layout = new() { DataParallel = 16, ExpertParallel = 16 };
        double experts = PlanWorld.Moe.MoeLayers * PlanWorld.Moe.NumExperts * (double)PlanWorld.Moe.ExpertParameters;
        double rest = PlanWorld.Moe.TotalParameters - experts;
        // One replica of each expert: its optimizer state lies whole beside a sixteenth of the rest.
        Assert.Equal(12 * (experts / 16 + rest / 16), Of(PlanWorld.Moe, layout).Optimizer, 1e-3 * rest);
        Assert.Equal(12 * (experts / 4 / 4 + rest / 16), Of(PlanWorld.Moe, layout with { ExpertParallel = 4 }).Optimizer, 1e-3 * rest);
    }

    [Fact]
    public void Computing_again_and_splitting_save_activations() => Gen.Select(Gen.OneOfConst(1, 2, 4, 8), Gen.OneOfConst(1, 2, 4), Gen.Bool).Sample((microBatch, stages, moe) =>
    {
        ModelShape shape = moe ? PlanWorld.Moe : PlanWorld.Dense;
        double Activations(PlanRecomputation mode, int tensor) => Of(
            shape, new ParallelLayout { MicroBatch = microBatch, PipelineParallel = stages, Recomputation = mode, TensorParallel = tensor }).Activations;
        double none = Activations(PlanRecomputation.None, 1);
        return Activations(PlanRecomputation.Selective, 1) < none && Activations(PlanRecomputation.Products, 1) < none
            && Activations(PlanRecomputation.Full, 1) < Activations(PlanRecomputation.Selective, 1) && Activations(PlanRecomputation.None, 4) < none;
    });

    [Fact]
    public void Whole_logits_and_longer_batches_take_more()
    {
        ParallelLayout layout = new() { DataParallel = 8, Zero = ZeroStage.Weights, Recomputation = PlanRecomputation.Full };
        double chunked = Of(PlanWorld.Dense, layout).Total;
        DeviceMemoryPlan whole = DeviceMemoryPlan.Of(PlanWorld.Dense, layout, 4096, 8, PlanWorld.Plain with { ChunkedLogits = false });
        Assert.Equal(4096 * 32000 * 14.0, whole.Logits, 1);
        Assert.True(whole.Total > chunked);
        Assert.True(Of(PlanWorld.Dense, layout with { MicroBatch = 4 }).Activations > 3 * Of(PlanWorld.Dense, layout).Activations);
        Assert.InRange(chunked, 10 * GiB, 40 * GiB);
    }

    private static DeviceMemoryPlan Of(ModelShape shape, ParallelLayout layout) => DeviceMemoryPlan.Of(shape, layout, 4096, 8, PlanWorld.Plain);
}
