using Mazij.Models;
using Mazij.Tests.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Models;

public sealed class RouterStateTests
{
    private static readonly ModelConfig config = new()
    {
        NumExperts = 8,
        NumExpertsPerTok = 2,
        MoeRouterEnableExpertBias = true,
    };

    [Fact]
    public void At_share_zero_choices_do_not_depend_on_the_order_of_the_logits()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = randn(64, 8) + tensor(new float[] { 9, 0, 0, 0, 0, 0, 0, -9 });
        long[] Choices(Tensor input)
        {
            using RouterState state = new(config, CPU);
            using Router.Tape tape = Forward(input, state, share: 0, seed: 5);
            return tape.Choices_TK.reshape(-1).data<long>().ToArray();
        }
        Assert.Equal(Choices(logits), Choices(logits.flip(0, 1)));
    }

    [Fact]
    public void At_share_zero_the_load_is_even_and_the_choice_teaches_the_router_nothing()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = randn(4096, 8) + tensor(new float[] { 9, 0, 0, 0, 0, 0, 0, -9 });
        using RouterState state = new(config, CPU);
        using Router.Tape tape = Forward(logits, state, share: 0, seed: 5);
        Assert.All(state.TakeStatistics().Load, load => Assert.InRange(load, 900, 1150));
        Assert.Equal(0, Numbers.Doubles(Router.Backward(ones(4096, 2), tape)).Max(Math.Abs));
    }

    [Fact]
    public void One_seed_gives_one_routing_and_another_seed_another()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = randn(64, 8);
        long[] Choices(long seed)
        {
            using RouterState state = new(config, CPU);
            using Router.Tape tape = Forward(logits, state, share: 0.3, seed);
            return tape.Choices_TK.reshape(-1).data<long>().ToArray();
        }
        Assert.Equal(Choices(1), Choices(1));
        Assert.NotEqual(Choices(1), Choices(2));
    }

    [Fact]
    public void The_noise_has_the_running_mean_and_deviation_of_the_logits()
    {
        using DisposeScope scope = NewDisposeScope();
        using RouterState state = new(config, CPU);
        Tensor first = randn(5000, 8) * 3 + 7, second = randn(5000, 8) * 5 - 1;
        state.ObserveLogits(first);
        double[] noise = Numbers.Doubles(state.WarmupNoise(first, 1));
        (double mean1, double deviation1) = Moments(Numbers.Doubles(first));
        Assert.Equal(mean1, state.LogitMean, 1e-3);
        Assert.Equal(deviation1, state.LogitDeviation, 1e-3);
        (double mean, double deviation) = Moments(noise);
        Assert.Equal(7, mean, 0.1);
        Assert.Equal(3, deviation, 0.1);
        state.ObserveLogits(second);
        (double mean2, double deviation2) = Moments(Numbers.Doubles(second));
        Assert.Equal(0.99 * mean1 + 0.01 * mean2, state.LogitMean, 1e-3);
        Assert.Equal(0.99 * deviation1 + 0.01 * deviation2, state.LogitDeviation, 1e-3);
    }

    [Fact]
    public void Logits_that_are_not_numbers_leave_the_running_statistics_alone()
    {
        using DisposeScope scope = NewDisposeScope();
        using RouterState state = new(config, CPU);
        state.ObserveLogits(randn(10, 8));
        (double mean, double deviation) = (state.LogitMean, state.LogitDeviation);
        Tensor poisoned = randn(10, 8);
        poisoned[3, 3] = float.NaN;
        state.ObserveLogits(poisoned);
        Assert.Equal((mean, deviation), (state.LogitMean, state.LogitDeviation));
    }

    [Fact]
    public void The_bias_moves_against_the_load_by_the_published_rule()
    {
        using RouterState state = new(new ModelConfig { NumExperts = 4, MoeRouterEnableExpertBias = true }, CPU);
        state.UpdateBias([9, 1, 1, 1], 1e-3); // signs -1 1 1 1, mean 1/2
        Numbers.AssertClose([-1.5e-3, 0.5e-3, 0.5e-3, 0.5e-3], state.Bias!, 1e-6, "bias");
        state.UpdateBias([5, 10, 0, 5], 1e-3); // signs 0 -1 1 0, mean 0
        Numbers.AssertClose([-1.5e-3, -0.5e-3, 1.5e-3, 0.5e-3], state.Bias!, 1e-6, "bias");
        double[] before = Numbers.Doubles(state.Bias!);
        state.UpdateBias([7, 7, 7, 7], 1e-3);
        state.UpdateBias([0, 0, 0, 0], 1e-3);
        state.UpdateBias([9, 1, 1, 1], 0);
        Assert.Equal(before, Numbers.Doubles(state.Bias!));
    }

    private static Router.Tape Forward(Tensor logits, RouterState state, double share, long seed) =>
        new Router(config, portable: false).Forward(logits, state, new RoutingOptions(0, 0, 1, share, seed));

    private static (double Mean, double Deviation) Moments(double[] values)
    {
        double mean = values.Average();
        return (mean, Math.Sqrt(values.Average(value => (value - mean) * (value - mean))));
    }
}
