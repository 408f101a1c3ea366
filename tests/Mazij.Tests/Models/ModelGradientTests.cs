using Mazij.Models;
using Mazij.Tests.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Models;

/// <summary>The whole forward and backward pass against <see cref="PlainModel"/> and its central differences.</summary>
public sealed class ModelGradientTests
{
    private static readonly Dictionary<string, ModelConfig> models = new()
    {
        ["softmax routing, NormHead"] = TinyModels.Softmax,
        ["everything on"] = TinyModels.Everything,
        ["one expert a token"] = TinyModels.Softmax with { NumExpertsPerTok = 1, NumSharedExperts = 0 },
        ["weights not divided by their sum"] = TinyModels.Softmax with { NormTopkProb = false, NormHead = false },
        ["all experts"] = TinyModels.Softmax with { NumExpertsPerTok = 6 },
        ["dense"] = TinyModels.Dense,
        ["tied embeddings"] = TinyModels.Softmax with { TieWordEmbeddings = true, NormHead = false },
        ["tied embeddings, NormHead, prediction"] = TinyModels.Everything with { TieWordEmbeddings = true, PadTokenId = null },
        ["one prediction layer, softmax"] = TinyModels.Softmax with { NumNextnPredictLayers = 1, MtpLossScalingFactor = 1 },
    };

    public static TheoryData<string> Models => [.. models.Keys];

    [Theory]
    [MemberData(nameof(Models))]
    public void Logits_and_losses_are_those_of_the_plain_model(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using MoeTransformer model = TinyModels.Create(models[name], seed: 1);
        PlainModel plain = new(model);
        long[][] ids = TinyModels.Ids(model.Config, batch: 2, length: 7, seed: 2);
        Numbers.AssertClose([.. plain.Logits(ids).SelectMany(row => row)], model.Infer(TinyModels.ToTensor(ids)), 1e-5, "logits");
        plain.Objective(ids, 0, 0);
        MicroBatchLoss loss = Run(model, ids, 0, 0, 1);
        Assert.Equal(plain.Loss, loss.Loss, 1e-5 * plain.Loss);
        Assert.Equal(plain.PredictionLoss, loss.PredictionLoss, 1e-5 * plain.PredictionLoss + 1e-12);
        Assert.Equal(plain.Loss, Numbers.Doubles(model.TokenLosses(TinyModels.ToTensor(ids))).Average(), 1e-5 * plain.Loss);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Every_parameters_gradient_matches_central_differences(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        const double balance = 0.3, z = 0.02, scale = 0.5, step = 1e-5;
        using MoeTransformer model = TinyModels.Create(models[name], seed: 1);
        PlainModel plain = new(model);
        // Ids of the pad token are left out here: its row has a gradient that is dropped on purpose.
        long[][] ids = [.. TinyModels.Ids(model.Config, batch: 2, length: 7, seed: 2)
            .Select(row => row.Select(id => id == model.Config.PadTokenId ? 0 : id).ToArray())];
        Run(model, ids, balance, z, scale);
        double Objective() => scale * plain.Objective(ids, balance, z);
        foreach (Parameter parameter in model.Parameters.All)
        {
            double[] weight = plain.Weights[parameter.Spec.Name], gradient = Numbers.Doubles(parameter.Gradient);
            double norm = Math.Sqrt(Numbers.Dot(gradient, gradient));
            Assert.True(norm > 1e-6, $"{parameter.Spec.Name} has no gradient");
            for (int draw = 0; draw < 4; draw++)
            {
                // Two random directions cover the whole tensor; two single elements localise.
                double[] direction = draw < 2
                    ? Numbers.Normal(weight.Length, 40 + draw)
                    : [.. weight.Select((_, i) => i == LargestOrMiddle(gradient, draw) ? 1.0 : 0.0)];
                double length = Math.Sqrt(Numbers.Dot(direction, direction));
                double[] before = [.. weight];
                double At(double distance)
                {
                    for (int i = 0; i < weight.Length; i++)
                        weight[i] = before[i] + distance * direction[i] / length;
                    return Objective();
                }
                double numeric = (At(step) - At(-step)) / (2 * step), analytic = Numbers.Dot(gradient, direction) / length;
                before.CopyTo(weight.AsSpan());
                Assert.True(
                    Math.Abs(numeric - analytic) <= 1e-5 * norm,
                    $"{parameter.Spec.Name}, direction {draw}: {analytic}, by differences {numeric}, norm {norm}");
            }
        }
    }

    [Fact]
    public void The_pad_row_of_the_embedding_gets_no_gradient()
    {
        using DisposeScope scope = NewDisposeScope();
        const int pad = 18;
        long[][] ids = [[1, pad, 2, pad, pad, 3], [pad, pad, 4, 5, pad, 1]];
        double[] GradientWith(int? padId)
        {
            using MoeTransformer model = TinyModels.Create(TinyModels.Everything with { PadTokenId = padId }, seed: 1);
            Run(model, ids, 0.1, 0.1, 1);
            return Numbers.Doubles(model.Parameters[ParameterLayout.EmbeddingName].Gradient);
        }
        int width = TinyModels.Everything.HiddenSize;
        double[] with = GradientWith(pad), without = GradientWith(null);
        Assert.All(with[(pad * width)..((pad + 1) * width)], value => Assert.Equal(0, value));
        Assert.All(without[(pad * width)..((pad + 1) * width)], value => Assert.NotEqual(0, value));
        Assert.Equal(without[..(pad * width)], with[..(pad * width)]);
    }

    [Fact]
    public void Gradients_add_up_over_micro_batches_and_scale_with_the_loss()
    {
        using DisposeScope scope = NewDisposeScope();
        using MoeTransformer model = TinyModels.Create(TinyModels.Everything, seed: 1);
        long[][] ids = TinyModels.Ids(model.Config, batch: 2, length: 6, seed: 5);
        Run(model, ids, 0.1, 0.1, 1);
        double[] once = Numbers.Doubles(model.Parameters.GradientBuffer!);
        Run(model, ids, 0.1, 0.1, 0.5);
        double[] expected = [.. once.Select(value => 1.5 * value)];
        Numbers.AssertClose(expected, model.Parameters.GradientBuffer!, 1e-5, "gradients");
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void In_bf16_the_loss_and_the_direction_of_the_gradient_stay(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using MoeTransformer wide = TinyModels.Create(models[name], seed: 1);
        using MoeTransformer narrow = TinyModels.Create(models[name], seed: 1, ScalarType.BFloat16);
        long[][] ids = TinyModels.Ids(wide.Config, batch: 4, length: 9, seed: 2);
        MicroBatchLoss exact = Run(wide, ids, 0, 0, 1), rounded = Run(narrow, ids, 0, 0, 1);
        Assert.Equal(exact.Loss, rounded.Loss, 0.02 * exact.Loss);
        double[] a = Numbers.Doubles(wide.Parameters.GradientBuffer!), b = Numbers.Doubles(narrow.Parameters.GradientBuffer!);
        double cosine = Numbers.Dot(a, b) / Math.Sqrt(Numbers.Dot(a, a) * Numbers.Dot(b, b));
        Assert.InRange(cosine, 0.98, 1.0001);
    }

    private static MicroBatchLoss Run(MoeTransformer model, long[][] ids, double balance, double z, double scale) =>
        model.ForwardBackward(TinyModels.ToTensor(ids), new MicroBatchOptions(scale, new RoutingOptions(balance, z, scale, 1, 0)));

    private static int LargestOrMiddle(double[] gradient, int draw)
    {
        if (draw == 2)
            return gradient.Length / 2;
        int largest = 0;
        for (int i = 0; i < gradient.Length; i++)
            largest = Math.Abs(gradient[i]) > Math.Abs(gradient[largest]) ? i : largest;
        return largest;
    }
}
