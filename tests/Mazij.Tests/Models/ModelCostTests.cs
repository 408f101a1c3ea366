using Mazij.Models;

namespace Mazij.Tests.Models;

public sealed class ModelCostTests
{
    // "Active" counts every weight that one token passes, the head among them, and the embedding as well: a token reads one
    // row of it, yet published numbers count it whole. The benchmark model's 32 M leave the embedding out.
    [Fact]
    public void Presets_have_the_published_sizes()
    {
        List<string> published = [.. ModelPresets.Names.Where(name => ModelPresets.FindPublished(name) is not null)];
        Assert.Equal(["ling-lite", "ling-plus"], published);
        foreach (string name in published)
        {
            PublishedFigures figures = ModelPresets.FindPublished(name)!;
            ModelCost cost = ModelCost.Of(ModelPresets.Find(name)!);
            Assert.Equal((double)figures.TotalParameters, cost.TotalParameters, 0.01 * figures.TotalParameters);
            Assert.Equal((double)figures.ActiveParameters, cost.ActiveParameters, 0.01 * figures.ActiveParameters);
            Assert.Equal(0, cost.PredictionParameters);
            Assert.Equal("arXiv 2503.05139", figures.Source);
        }
    }

    [Fact]
    public void The_benchmark_model_has_157_million_parameters()
    {
        ModelCost cost = ModelCost.Of(ModelPresets.Find("bench-157m")!);
        Assert.Equal(157e6, cost.TotalParameters, 0.005 * 157e6);
        Assert.Equal(36.5e6, cost.ActiveParameters, 0.005 * 36.5e6);
    }

    [Fact]
    public void The_benchmark_model_has_32_million_active_weights_with_head_and_without_embedding()
    {
        ModelConfig config = ModelPresets.Find("bench-157m")!;
        double active = ModelCost.Of(config).ActiveParameters - (double)config.VocabSize * config.HiddenSize;
        Assert.Equal(32e6, active, 0.02 * 32e6);
        Assert.Equal(206e6, ModelCost.TrainingFlopsPerToken(config, 512), 0.01 * 206e6);
    }

    [Fact]
    public void Counts_are_those_of_a_hand_calculation()
    {
        // Embedding and head 2 x 19 x 18, final norm 18; per layer norms 2 x 18, q k v (4 + 2 x 2) x 8 x 18, dense 18 x 32,
        // norms of q and k 2 x 8; dense MLP 3 x 18 x 13; expert 3 x 18 x 9, router 8 x 18, shared 3 x 18 x 9; prediction
        // layers add norms 3 x 18 and a projection 18 x 36.
        const long attention = 36 + 64 * 18 + 18 * 32 + 16, expert = 3 * 18 * 9, router = 8 * 18;
        const long moe = attention + 8 * expert + router + expert;
        ModelCost cost = ModelCost.Of(TinyModels.Everything);
        long total = 2 * 19 * 18 + 18 + attention + 3 * 18 * 13 + 2 * moe;
        Assert.Equal(total, cost.TotalParameters);
        Assert.Equal(total - 2 * 5 * expert, cost.ActiveParameters);
        Assert.Equal(2 * (moe + 3 * 18 + 18 * 36), cost.PredictionParameters);
    }

    [Fact]
    public void FLOPs_are_two_for_each_active_weight_in_a_product_and_the_attention_itself()
    {
        ModelConfig config = TinyModels.Softmax;
        const int length = 10;
        double products = 2 * (4 + 2 * 2) * 6 * 20.0 + 2 * 24 * 20.0; // q k v and dense, one layer
        double experts = 2 * 3 * 20.0 * 7 * (2 + 2) + 2 * 6 * 20.0;
        double attention = 2 * 2 * length * 24.0 / 2; // scores and context, the causal half
        double head = 2 * 23 * 20.0;
        Assert.Equal(2 * (products + experts + attention) + head, ModelCost.ForwardFlopsPerToken(config, length), 1e-6);
        Assert.Equal(3 * ModelCost.ForwardFlopsPerToken(config, length), ModelCost.TrainingFlopsPerToken(config, length));
    }
}
