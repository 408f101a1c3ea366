using Mazij.Planning;

namespace Mazij.Tests.Planning;

public sealed class PlanSearchTests
{
    private const double GiB = 1L << 30;

    [Fact]
    public void Every_plan_fits_divides_the_batch_and_uses_whole_nodes()
    {
        PlanRequest request = PlanWorld.Request(PlanWorld.Moe, 512);
        PlanAnswer answer = PlanSearch.Run(request);
        Assert.NotEmpty(answer.Plans);
        Assert.All(answer.Plans, plan =>
        {
            Assert.True(plan.Memory.Total <= plan.Device.MemoryBytes);
            Assert.Equal(0, request.Workload.GlobalBatch % (plan.Layout.DataParallel * plan.Layout.MicroBatch));
            Assert.True(plan.Devices <= 8 || plan.Devices % 8 == 0);
            Assert.Equal(0, plan.Layout.StageDevices % plan.Layout.ExpertParallel);
            Assert.InRange(plan.Mfu, 0.01, 1);
        });
    }

    [Fact]
    public void No_layout_that_was_looked_at_beats_the_plan_of_its_number_of_devices()
    {
        PlanRequest request = PlanWorld.Request(PlanWorld.Dense, 64);
        TrainingPlan best = PlanSearch.Run(request).Plans.Single(plan => plan.Devices == 64);
        StepModel model = new(request.Shape, PlanWorld.Device, request.Workload.SequenceLength, request.Assumptions);
        int fitting = 0;
        foreach (int tensor in new[] { 1, 2, 4, 8 })
        {
            foreach (int stages in new[] { 1, 2, 4, 8 })
            {
                ParallelLayout layout = new() { TensorParallel = tensor, PipelineParallel = stages, DataParallel = 64 / tensor / stages };
                double microBatches = 256.0 / layout.DataParallel;
                if (DeviceMemoryPlan.Of(request.Shape, layout, 4096, microBatches, request.Assumptions).Total > PlanWorld.Device.MemoryBytes)
                    continue;
                fitting++;
                Assert.True(model.Of(layout, microBatches).Total >= best.Step.Total * 0.999999);
            }
        }
        Assert.True(fitting > 3);
    }

    [Fact]
    public void Limits_are_kept_and_the_front_holds_what_no_other_beats()
    {
        PlanRequest request = PlanWorld.Request(PlanWorld.Moe, 1024);
        PlanAnswer free = PlanSearch.Run(request);
        double hours = free.Fastest!.Hours * 2;
        PlanAnswer bound = free with { Request = request with { Limits = new PlanLimits(hours, null) } };
        Assert.True(bound.Cheapest!.Hours <= hours);
        Assert.True(bound.Cheapest.Cost >= free.Cheapest!.Cost);
        IReadOnlyList<TrainingPlan> front = free.ParetoFront;
        Assert.Contains(free.Fastest, front);
        Assert.Contains(free.Cheapest, front);
        Assert.All(free.Plans, plan => Assert.Contains(front, other => other.Hours <= plan.Hours && other.Cost <= plan.Cost));
        Assert.All(front, plan => Assert.DoesNotContain(front, other => other != plan && other.Hours <= plan.Hours && other.Cost <= plan.Cost));
    }

    [Fact]
    public void What_fits_nowhere_says_what_is_short_and_by_how_much()
    {
        ModelShape huge = PlanWorld.Dense with { NumHiddenLayers = 320, HiddenSize = 16384, IntermediateSize = 65536, NumAttentionHeads = 128 };
        PlanAnswer answer = PlanSearch.Run(PlanWorld.Request(huge, 8));
        Assert.Empty(answer.Plans);
        string line = Assert.Single(answer.BindingLimits());
        double least = answer.Offers[0].LeastMemory;
        Assert.True(least > 64 * GiB);
        Assert.Equal(
            $"device: the most frugal layout takes {Quantity.Bytes(least)} on a device, {Quantity.Bytes(least - 64 * GiB)} more than there are; 8 devices are too few", line);
    }

    [Fact]
    public void Limits_that_cannot_be_kept_are_named()
    {
        PlanAnswer answer = PlanSearch.Run(PlanWorld.Request(PlanWorld.Moe, 64, new PlanLimits(1, 10)));
        Assert.Empty(answer.Plans);
        Assert.Contains(answer.BindingLimits(), line => line.StartsWith("device: the fastest plan takes", StringComparison.Ordinal));
        Assert.Contains(answer.BindingLimits(), line => line.StartsWith("device: the cheapest plan costs", StringComparison.Ordinal));
    }

    [Fact]
    public void A_break_even_is_where_both_cost_the_same()
    {
        TrainingPlan plan = PlanSearch.Run(PlanWorld.Request(PlanWorld.Moe, 64)).Cheapest!;
        double mfu = Comparisons.BreakEvenMfu(plan, 2 * plan.Cost!.Value);
        Assert.Equal(plan.Mfu / 2, mfu, 1e-12);
        MfuEstimate estimate = new("other", 1e14, 3, "USD", 1e22, 0.4);
        Assert.Equal(1000, (estimate with { Mfu = estimate.BreakEvenMfu(1000) }).Cost!.Value, 1e-9);
    }

    [Fact]
    public void Cells_together_add_their_speeds_and_prices()
    {
        PlannedDevice slow = PlanWorld.Device with { Name = "slow", PeakFlops = new Dictionary<PlanPrecision, double> { [PlanPrecision.Bf16] = 3e13 }, PricePerHour = 0.4 };
        PlanRequest request = PlanWorld.Request(PlanWorld.Moe, 64);
        PlanAnswer answer = PlanSearch.Run(request with { Offers = [.. request.Offers, new DeviceOffer(slow, 128)] });
        CellMixture all = CellMixture.Cheapest(answer, hours: null, syncShare: 0.02)!;
        Assert.Equal(2, all.Cells.Count);
        Assert.Equal(1, all.Cells.Sum(all.ShareOf), 1e-12);
        Assert.Equal(0.98 * all.Cells.Sum(cell => cell.TokensPerSecond * cell.Goodput), all.TokensPerSecond, 1e-6);
        Assert.Equal(all.Hours * all.Cells.Sum(cell => cell.Devices * cell.Device.PricePerHour!.Value), all.Cost!.Value, 1e-6);
        Assert.True(all.Hours < answer.Fastest!.Hours);
        // With time enough the cheapest kind trains alone; in less than all together take there is none.
        Assert.Single(CellMixture.Cheapest(answer, hours: 1e9, 0.02)!.Cells);
        Assert.Null(CellMixture.Cheapest(answer, all.Hours / 2, 0.02));
    }
}
