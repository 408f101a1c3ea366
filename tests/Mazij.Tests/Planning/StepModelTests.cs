using CsCheck;
using Mazij.Planning;

namespace Mazij.Tests.Planning;

public sealed class StepModelTests
{
    private const double Length = 4096;

    private static readonly Gen<ParallelLayout> layouts = Gen.Select(
        Gen.OneOfConst(1, 2, 4, 8), Gen.OneOfConst(1, 2, 4), Gen.OneOfConst(1, 2, 4, 8, 16), Gen.OneOfConst(1, 2, 4), Gen.Enum<ZeroStage>(), Gen.OneOfConst(1, 2, 4, 8, 16),
        (tensor, stages, data, microBatch, zero, expert) => new ParallelLayout
        {
            TensorParallel = tensor,
            PipelineParallel = stages,
            DataParallel = data,
            MicroBatch = microBatch,
            Zero = zero,
            ExpertParallel = tensor * data % expert == 0 ? expert : 1,
        });

    [Fact]
    public void On_one_ideal_device_a_step_takes_its_products_at_the_peak_and_its_bytes_at_the_bandwidth()
    {
        // No bytes to move: what is left are the products, which are the model's FLOPs.
        PlannedDevice fast = PlanWorld.Device with { MemoryBandwidth = 1e30 };
        StepTime step = new StepModel(PlanWorld.Dense, fast, Length, PlanWorld.Plain).Of(new ParallelLayout(), 3);
        double attention = 0.5 * 2 * Length * 32 * 2 * 128 * 32;
        // Attention's backward pass has five products for the forward pass's two, not four, at 0.85 of the rate.
        double flops = PlanWorld.Dense.TrainingFlopsPerToken(Length) + (2.5 / 0.85 - 2) * attention;
        Assert.Equal(3 * Length * flops / 1e14, step.Total, 1e-9 * step.Total);
        // No products to compute: the optimizer alone moves 34 bytes a parameter.
        StepTime slow = new StepModel(PlanWorld.Dense, PlanWorld.Device, Length, PlanWorld.Plain).Of(new ParallelLayout(), 1);
        Assert.Equal(PlanWorld.Dense.TotalParameters * 34.0 / 1e12, slow.Optimizer, 0.001 * slow.Optimizer);
    }

    [Fact]
    public void The_bubble_is_one_less_than_the_stages_over_the_chunks()
    {
        StepModel model = new(PlanWorld.Dense, PlanWorld.Device with { NetworkBandwidth = 1e30 }, Length, PlanWorld.Plain);
        ParallelLayout layout = new() { PipelineParallel = 4 };
        StepTime one = model.Of(layout, 8), chunked = model.Of(layout with { VirtualStages = 4 }, 8);
        Assert.Equal(3.0 / 8, one.Bubble / one.Compute, 1e-9);
        Assert.Equal(3.0 / 4 / 8, chunked.Bubble / chunked.Compute, 1e-9);
    }

    [Fact]
    public void Whatever_the_layout_parts_are_finite_and_recomputation_takes_its_time() => layouts.Sample(layout =>
    {
        StepModel model = new(PlanWorld.Moe, PlanWorld.Device, Length, new PlanAssumptions());
        StepTime Of(PlanRecomputation mode) => model.Of(layout with { Recomputation = mode }, 8);
        StepTime none = Of(PlanRecomputation.None), selective = Of(PlanRecomputation.Selective), full = Of(PlanRecomputation.Full);
        double[] parts = [none.Compute, none.Recompute, none.TensorParallel, none.ExpertParallel, none.Bubble, none.DataParallel, none.Optimizer, none.Waiting];
        return parts.All(part => double.IsFinite(part) && part >= 0) && none.Recompute == 0
            && none.Total < selective.Total && selective.Total < full.Total;
    });

    [Fact]
    public void Splitting_a_matrix_makes_each_device_compute_less() => layouts.Sample(layout =>
    {
        StepModel model = new(PlanWorld.Dense, PlanWorld.Device, Length, new PlanAssumptions());
        ParallelLayout whole = layout with { TensorParallel = 1, ExpertParallel = 1 }, split = whole with { TensorParallel = 4 };
        return model.Of(split, 4).Compute < model.Of(whole, 4).Compute;
    });

    [Fact]
    public void Uneven_experts_and_unfused_work_take_longer()
    {
        double Time(PlanAssumptions assumptions) =>
            new StepModel(PlanWorld.Moe, PlanWorld.Device, Length, assumptions).Of(new ParallelLayout { DataParallel = 8, ExpertParallel = 8 }, 4).Total;
        double plain = Time(PlanWorld.Plain);
        Assert.True(Time(PlanWorld.Plain with { ExpertImbalance = 1.5 }) > plain);
        Assert.True(Time(PlanWorld.Plain with { ElementwiseFactor = 3 }) > plain);
        Assert.True(Time(PlanWorld.Plain with { UnfusedAttention = true }) > plain);
        Assert.True(Time(PlanWorld.Plain with { ExpertOverlap = 1 }) < plain);
    }

    [Fact]
    public void Fp8_speeds_up_the_linear_layers_alone()
    {
        StepModel model = new(PlanWorld.Dense, PlanWorld.Device with { MemoryBandwidth = 1e30 }, Length, PlanWorld.Plain);
        double bf16 = model.Of(new ParallelLayout(), 1).Compute, fp8 = model.Of(new ParallelLayout { Precision = PlanPrecision.Fp8 }, 1).Compute;
        Assert.InRange(fp8, 0.5 * bf16, 0.7 * bf16);
    }
}
