using Mazij.Models;
using Mazij.Planning;
using Mazij.Tests.Models;

namespace Mazij.Tests.Planning;

public sealed class ModelShapeTests
{
    public static TheoryData<string> Presets => [.. ModelPresets.Names];

    [Theory]
    [MemberData(nameof(Presets))]
    public void Presets_count_as_the_model_itself_does(string preset) => AssertCountsAs(ModelPresets.Find(preset)!);

    [Fact]
    public void Models_with_every_part_count_as_the_model_itself_does()
    {
        AssertCountsAs(TinyModels.Everything);
        AssertCountsAs(TinyModels.Softmax);
    }

    [Theory]
    [InlineData("llama-2-70b", 68_976_648_192)]
    [InlineData("llama-3-8b", 8_030_261_248)]
    [InlineData("llama-3-70b", 70_553_706_496)]
    [InlineData("llama-3-405b", 405_853_388_800)]
    public void Shapes_of_published_runs_have_the_published_parameters(string model, long parameters) =>
        Assert.Equal(parameters, PublishedRuns.BuiltIn().Models.Find(model)!.TotalParameters);

    [Theory]
    [InlineData("deepseek-v3", 671e9, 37e9)]
    [InlineData("qwen3-235b-a22b", 235e9, 22e9)]
    [InlineData("qwen3-30b-a3b", 30.5e9, 3.3e9)]
    [InlineData("mixtral-8x7b", 46.7e9, 12.9e9)]
    [InlineData("mixtral-8x22b", 141e9, 39e9)]
    [InlineData("olmoe-1b-7b", 6.9e9, 1.3e9)]
    public void Shapes_of_published_mixtures_have_the_published_sizes(string model, double total, double active)
    {
        ModelShape shape = PublishedRuns.BuiltIn().Models.Find(model)!;
        Assert.Equal(total, shape.TotalParameters, 0.01 * total);
        // Some count the embedding among the active parameters, some do not.
        Assert.InRange(active, 0.98 * (shape.ActiveParameters - shape.VocabularyParameters), 1.03 * shape.ActiveParameters);
    }

    private static void AssertCountsAs(ModelConfig model)
    {
        ModelShape shape = ModelShape.Of(model);
        ModelCost cost = ModelCost.Of(model);
        Assert.Equal((cost.TotalParameters, cost.ActiveParameters), (shape.TotalParameters, shape.ActiveParameters));
        double flops = ModelCost.TrainingFlopsPerToken(model, 512);
        Assert.Equal(flops, shape.TrainingFlopsPerToken(512), 1e-12 * flops);
    }
}
