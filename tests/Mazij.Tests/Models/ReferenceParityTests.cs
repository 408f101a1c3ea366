using System.Globalization;
using System.Text.Json;
using Mazij.Models;
using Mazij.Tests.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Models;

/// <summary>The fixtures' numbers come from the official modelling code; see tests/fixtures/README.md.</summary>
public sealed class ReferenceParityTests
{
    public static TheoryData<string> Fixtures => ReferenceFixture.All;

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Logits_losses_and_every_stored_activation_match_the_official_code(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using ReferenceFixture fixture = new(name);
        using MoeTransformer model = fixture.Load();
        RecordingProbe probe = new(model.Config.NumHiddenLayers);
        Tensor ids = fixture.Ids();
        Tensor logits = model.Infer(ids, probe: probe);
        AssertWithin(1e-4, fixture["logits"], Numbers.Doubles(logits), "logits");
        Tensor last = model.Infer(ids, lastOnly: true);
        AssertWithin(1e-4, Numbers.Doubles(logits.narrow(1, logits.shape[1] - 1, 1)), Numbers.Doubles(last), "last logits");

        double[] losses = Numbers.Doubles(model.TokenLosses(ids));
        AssertWithin(1e-4, fixture["token_nll"], losses, "token_nll");
        Assert.Equal(fixture.Json.GetProperty("loss_eval").GetDouble(), losses.Average(), 1e-5);

        List<string> stored = [.. fixture.NamesOf("hidden."), .. fixture.NamesOf("layers.")];
        Assert.Equal(3 * model.Config.NumHiddenLayers + 2, stored.Count);
        foreach (string activation in stored)
            AssertWithin(1e-4, fixture[activation], probe.Seen[activation], activation);
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Routers_choose_the_same_experts_with_the_same_weights(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using ReferenceFixture fixture = new(name);
        using MoeTransformer model = fixture.Load();
        RecordingProbe probe = new(model.Config.NumHiddenLayers);
        model.Infer(fixture.Ids(), probe: probe);
        int routers = 0, k = model.Config.NumExpertsPerTok, experts = model.Config.NumExperts;
        for (int layer = 0; layer < model.Config.NumHiddenLayers; layer++)
        {
            string prefix = string.Create(CultureInfo.InvariantCulture, $"router.{layer}.");
            Assert.Equal(model.Config.IsMoeLayer(layer), fixture.Has(prefix + "logits"));
            if (!model.Config.IsMoeLayer(layer))
                continue;
            routers++;
            AssertWithin(1e-4, fixture[prefix + "logits"], probe.Seen[prefix + "logits"], prefix + "logits");
            double[] choices = probe.Seen[prefix + "choices"], weights = probe.Seen[prefix + "weights"];
            long[] expected = fixture.Integers(prefix + "topk_indices");
            double[] dense = new double[choices.Length / k * experts];
            for (int token = 0; token < choices.Length / k; token++)
            {
                long[] chosen = [.. choices.Skip(token * k).Take(k).Select(choice => (long)choice)];
                Assert.Equal(expected.Skip(token * k).Take(k).Order(), chosen.Order());
                for (int i = 0; i < k; i++)
                    dense[token * experts + chosen[i]] = weights[token * k + i];
            }
            AssertWithin(1e-5, fixture[prefix + "dense_weights"], dense, prefix + "dense_weights");
        }
        Assert.Equal(fixture.NamesOf("router.").Count(n => n.EndsWith(".logits", StringComparison.Ordinal)), routers);
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Gradients_of_the_training_loss_match_the_official_code(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using ReferenceFixture fixture = new(name);
        using MoeTransformer model = fixture.Load(training: true);
        MicroBatchLoss loss = model.ForwardBackward(
            fixture.Ids(), new MicroBatchOptions(1, new RoutingOptions(0, 0, 1, WarmupShare: 1, NoiseSeed: 0)));
        Assert.Equal(fixture.Json.GetProperty("loss_train").GetDouble(), loss.Loss, 1e-5);

        string[] stored = [.. fixture.NamesOf("grad.")];
        Assert.NotEmpty(stored);
        foreach (string gradient in stored)
            Numbers.AssertClose(fixture[gradient], ReferenceFixture.GradientOf(model, gradient["grad.".Length..]), 1e-4, gradient);

        int compared = 0;
        foreach (JsonProperty norm in fixture.Json.GetProperty("grad_l2").EnumerateObject())
        {
            double[] gradient = Numbers.Doubles(ReferenceFixture.GradientOf(model, norm.Name));
            double expected = norm.Value.GetDouble(), actual = Math.Sqrt(Numbers.Dot(gradient, gradient));
            Assert.True(Math.Abs(actual - expected) <= 1e-4 * expected + 1e-8, $"{norm.Name}: {actual}, not {expected}");
            compared++;
        }
        // One norm for each parameter; the expert bias is no parameter.
        IEnumerable<string> names = File.ReadLines(Path.Combine(fixture.Folder, "names.txt"));
        Assert.Equal(names.Count(line => line.EndsWith("\tparameter", StringComparison.Ordinal)), compared);
    }

    private static void AssertWithin(double tolerance, double[] expected, double[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        double worst = expected.Zip(actual, (a, b) => Math.Abs(a - b)).Max();
        Assert.True(worst <= tolerance, $"{what} differs by {worst}");
    }

    /// <summary>Keeps what it sees under the fixtures' names.</summary>
    private sealed class RecordingProbe(int layers) : ModelProbe
    {
        public Dictionary<string, double[]> Seen { get; } = [];

        public override void Hidden(int layer, Tensor hidden) => Seen.Add($"hidden.{layer}", Numbers.Doubles(hidden));

        public override void FinalHidden(Tensor hidden) => Seen.Add("hidden.final", Numbers.Doubles(hidden));

        public override LayerProbe? Layer(int layer) => layer < layers ? new Part(this, layer) : null;

        private sealed class Part(RecordingProbe owner, int layer) : LayerProbe
        {
            public override void AttentionOutput(Tensor output) =>
                owner.Seen.Add($"layers.{layer}.attention_out", Numbers.Doubles(output));

            public override void MlpOutput(Tensor output) => owner.Seen.Add($"layers.{layer}.mlp_out", Numbers.Doubles(output));

            public override void Routing(Tensor logits, Tensor weights, Tensor choices)
            {
                owner.Seen.Add($"router.{layer}.logits", Numbers.Doubles(logits));
                owner.Seen.Add($"router.{layer}.weights", Numbers.Doubles(weights));
                owner.Seen.Add($"router.{layer}.choices", Numbers.Doubles(choices));
            }
        }
    }
}
