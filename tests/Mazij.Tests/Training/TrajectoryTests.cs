using System.Text.Json;
using Mazij.Configuration;
using Mazij.Models;
using Mazij.Tests.Kernels;
using Mazij.Tests.Models;
using Mazij.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Training;

/// <summary>Thirty steps of the official code: optimiser, clipping, weight decay and backward pass at once.</summary>
public sealed class TrajectoryTests
{
    [Theory]
    [InlineData("ling1-tiny", false)]
    [InlineData("ling1-tiny", true)]
    [InlineData("ling1-dense-first", false)]
    [InlineData("ling1-dense-first", true)]
    [InlineData("ling2-tiny", false)]
    [InlineData("ling2-tiny", true)]
    public void Losses_gradient_norms_and_final_weights_match_the_official_code(string name, bool portable)
    {
        using DisposeScope scope = NewDisposeScope();
        using ReferenceFixture fixture = new(name);
        using MoeTransformer model = fixture.Load(training: true);
        JsonElement settings = fixture.Trajectory.GetProperty("optimizer");
        TrainingConfig config = new()
        {
            LearningRate = settings.GetProperty("lr").GetDouble(),
            AdamBeta1 = settings.GetProperty("betas")[0].GetDouble(),
            AdamBeta2 = settings.GetProperty("betas")[1].GetDouble(),
            AdamEpsilon = settings.GetProperty("eps").GetDouble(),
            WeightDecay = settings.GetProperty("weight_decay").GetDouble(),
            MaxGradNorm = settings.GetProperty("max_grad_norm").GetDouble(),
            BalanceLossCoefficient = 0,
            ZLossCoefficient = 0,
            ExpertBiasUpdateRate = 0,
        };
        using AdamW optimizer = new(model.Parameters, config, portable);
        ModelStep step = new(model, optimizer, config);
        Mazij.Training.Spikes.SpikeGuard judge = new(config.SpikeGuard, warmupSteps: 30);
        double[] losses = Listed(fixture.Trajectory, "losses");
        double[] norms = Listed(fixture.Trajectory, "grad_norms_before_clipping");
        JsonElement[] batches = [.. fixture.Trajectory.GetProperty("batches").EnumerateArray()];
        Assert.Equal(30, batches.Length);
        for (int i = 0; i < batches.Length; i++)
        {
            long[][] rows = [.. batches[i].EnumerateArray().Select(row => row.EnumerateArray().Select(id => id.GetInt64()).ToArray())];
            StepOutcome outcome = step.Run(new StepRequest(i, config.LearningRate, [TestBatches.Of(rows)], judge));
            Assert.Null(outcome.Verdict.Skip);
            Assert.True(Math.Abs(losses[i] - outcome.Loss) <= 1e-4, $"step {i}: loss {outcome.Loss}, not {losses[i]}");
            Assert.True(
                Math.Abs(norms[i] - outcome.GradientNorm) <= 1e-3 * norms[i], $"step {i}: norm {outcome.GradientNorm}, not {norms[i]}");
        }
        foreach (JsonProperty norm in fixture.Trajectory.GetProperty("final_parameter_l2").EnumerateObject())
        {
            double[] weight = Numbers.Doubles(ReferenceFixture.WeightOf(model, norm.Name));
            double expected = norm.Value.GetDouble(), actual = Math.Sqrt(Numbers.Dot(weight, weight));
            Assert.True(Math.Abs(actual - expected) <= 1e-4 * expected, $"{norm.Name}: {actual}, not {expected}");
        }
    }

    private static double[] Listed(JsonElement json, string key) =>
        [.. json.GetProperty(key).EnumerateArray().Select(value => value.GetDouble())];
}
