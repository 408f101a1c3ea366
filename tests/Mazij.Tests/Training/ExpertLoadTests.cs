using Mazij.Models;
using Mazij.Training;
using TorchSharp;

namespace Mazij.Tests.Training;

public sealed class ExpertLoadTests
{
    [Fact]
    public void The_entropy_is_a_share_of_its_maximum_averaged_over_layers()
    {
        ExpertLoad load = ExpertLoad.Of(
        [
            new RouterStatistics([1, 1, 1, 1], 1, 0, Math.Log(4)),
            new RouterStatistics([2, 1, 1, 0], 1, 0, 0.5 * Math.Log(4)),
            new RouterStatistics([4], 1, 0, 0),
        ])!;
        Assert.Equal((1 + 0.5 + 0) / 3, load.Entropy, 1e-12);
    }

    [Fact]
    public void A_run_begins_undecided_and_reports_the_entropy_of_every_step()
    {
        using TestRun run = new(TestRun.Ling1, TestRun.Settings with { RoutingWarmupSteps = 0 });
        run.Train();
        // Logits near zero: the entropy is below its maximum by half their variance.
        Assert.InRange(run.Steps[0].RouterEntropy!.Value, 0.9, 1);
        Assert.All(run.Steps, record =>
            Assert.Equal(record.Routers.Average(router => router.Entropy / Math.Log(6)), record.RouterEntropy!.Value, 1e-9));
    }

    [Fact]
    public void Micro_batches_are_averaged()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        ModelConfig config = new() { NumExperts = 4, NumExpertsPerTok = 1 };
        using RouterState state = new(config, torch.CPU);
        Router router = new(config, portable: false);
        foreach (float logit in (ReadOnlySpan<float>)[0, 300])
        {
            torch.Tensor logits = torch.zeros(3, 4);
            logits.narrow(1, 2, 1).fill_(logit);
            router.Forward(logits, state, new RoutingOptions(0, 0, 1, 1, 0)).Dispose();
        }
        Assert.Equal(Math.Log(4) / 2, state.TakeStatistics().Entropy, 1e-6);
    }
}
