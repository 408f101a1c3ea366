using Mazij.Devices.Catalogue;
using Mazij.Planning;

namespace Mazij.Tests.Planning;

public sealed class PublishedRunsTests
{
    private static readonly Lazy<IReadOnlyList<PublishedPrediction>> predictions =
        new(() => PublishedPrediction.OfAll(PublishedRuns.BuiltIn(), PublishedRuns.Devices(), new PlanAssumptions()));

    [Theory]
    [InlineData("Llama 3.1 405B")]
    [InlineData("DeepSeek-V3")]
    [InlineData("OLMoE-1B-7B")]
    [InlineData("torchtitan 8B eager")]
    [InlineData("torchtitan 8B compiled")]
    [InlineData("torchtitan 8B fp8")]
    [InlineData("MPT-30B A100")]
    [InlineData("Mixtral 8x22B")]
    [InlineData("Qwen3-235B PP8")]
    [InlineData("Megatron 1T")]
    public void Runs_are_predicted_within_15_percent(string name)
    {
        PublishedPrediction prediction = predictions.Value.Single(each => each.Run.Name == name);
        Assert.InRange(prediction.Error, -0.15, 0.15);
        Assert.InRange(prediction.MemoryError ?? 0, -0.15, 0.15);
    }

    [Fact]
    public void Four_of_five_are() => Assert.True(predictions.Value.Count(each => Math.Abs(each.Error) <= 0.15) >= 0.8 * predictions.Value.Count);

    [Fact]
    public void The_reports_costs_come_out_within_2_percent() =>
        Assert.All(ReportedCost.Rows(DeviceCatalogue.BuiltIn), row => Assert.InRange(row.Error, -0.02, 0.02));

    [Fact]
    public void A_figure_and_the_speed_it_stands_for_are_one()
    {
        foreach (PublishedPrediction each in predictions.Value)
        {
            PublishedRun run = each.Run;
            double figure = run.DeviceHours ?? run.TokensPerSecond ?? run.StepSeconds ?? run.Tflops!.Value;
            Assert.Equal(figure, run.FigureOf(each.Shape, each.Published), 1e-9 * figure);
            // Twice as fast: half the hours or seconds, twice the tokens or FLOPs.
            double twice = run.FigureOf(each.Shape, 2 * each.Published) / figure;
            Assert.Equal(run.DeviceHours is null && run.StepSeconds is null ? 2 : 0.5, twice, 1e-9);
        }
    }

    [Fact]
    public void Recomputed_FLOPs_are_those_of_the_formula_in_the_paper()
    {
        // arXiv 2104.04473, section 5.1: 96 B s l h^2 (1 + s / 6h + V / 16 l h).
        ModelShape shape = PublishedRuns.BuiltIn().Models.Find("megatron-146b")!;
        const double s = 2048, l = 80, h = 12288, v = 51200;
        double flops = 96 * l * h * h * (1 + s / (6 * h) + v / (16 * l * h));
        PublishedRun run = new() { Tflops = 100, Convention = FlopsConvention.Recomputed, SequenceLength = 2048 };
        Assert.Equal(1e14 / flops, run.PublishedSpeed(shape), 1e-6 * 1e14 / flops);
    }
}
