using CsCheck;
using Mazij.Configuration;
using Mazij.Training;
using Mazij.Training.Spikes;

namespace Mazij.Tests.Training.Spikes;

public sealed class SpikeGuardTests
{
    private const int Warmup = 20;

    private static readonly SpikeGuardConfig Config = new();

    /// <summary>Losses that fall as those of real runs do, with their noise, and gradient norms beside them.</summary>
    private sealed class Curve(int seed, double noise, double speed)
    {
        private readonly Random random = new(seed);

        public (double Loss, double Norm) At(int step) => (
            3 + 6 * Math.Exp(-step / speed) + noise * Normal(),
            (0.4 + 3 * Math.Exp(-step / speed)) * Math.Exp(0.25 * Normal()));

        private double Normal() =>
            Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
    }

    private static SpikeGuard Settled(out double loss, out double norm, int steps = 200)
    {
        SpikeGuard guard = new(Config, Warmup);
        Curve curve = new(1, 0.03, 30);
        for (int step = 0; step < steps; step++)
        {
            (double l, double n) = curve.At(step);
            Assert.Equal(UpdateVerdict.Apply, guard.Judge(step, l, n));
        }
        Assert.Empty(guard.TakeEvents());
        (loss, norm) = (3, 0.4);
        return guard;
    }

    // The same hundred curves each time: of ever new ones, some step of pure noise would stand out sooner or later.
    [Fact]
    public void Healthy_runs_raise_no_alarm()
    {
        Random random = new(5);
        for (int run = 0; run < 100; run++)
        {
            (int seed, double noise, double speed) = (random.Next(1_000_000), 0.001 + 0.199 * random.NextDouble(), 2 + 798 * random.NextDouble());
            SpikeGuard guard = new(Config, Warmup);
            Curve curve = new(seed, noise, speed);
            for (int step = 0; step < 1500; step++)
            {
                (double loss, double norm) = curve.At(step);
                UpdateVerdict verdict = guard.Judge(step, loss, norm);
                Assert.True(verdict == UpdateVerdict.Apply, $"seed {seed}, noise {noise}, step {step}: {string.Join("; ", guard.TakeEvents())}");
            }
        }
    }

    [Fact]
    public void Nothing_is_judged_during_warmup()
    {
        SpikeGuard guard = new(Config, warmupSteps: 100);
        for (int step = 0; step < 100; step++)
            Assert.Equal(UpdateVerdict.Apply, guard.Judge(step, step % 7 == 0 ? 50 : 9, step % 5 == 0 ? 900 : 1));
        Assert.Empty(guard.TakeEvents());
    }

    [Fact]
    public void A_narrow_spike_is_skipped_and_leaves_no_trace()
    {
        SpikeGuard guard = Settled(out double loss, out double norm);
        SpikeGuardState before = guard.State;
        UpdateVerdict verdict = guard.Judge(200, loss + 1, norm);
        Assert.Equal("loss spike", verdict.Skip);
        TrainingEvent happened = Assert.Single(guard.TakeEvents());
        Assert.Equal((201, TrainingEventKind.NarrowSpike), (happened.Step, happened.Kind));
        Assert.Contains("4.000", happened.Message, StringComparison.Ordinal);
        Assert.Equal(before.Losses, guard.State.Losses);
        Assert.Equal(UpdateVerdict.Apply, guard.Judge(201, loss, norm));
        Assert.Empty(guard.TakeEvents());
    }

    [Fact]
    public void A_gradient_spike_is_skipped_although_the_loss_is_normal()
    {
        SpikeGuard guard = Settled(out double loss, out double norm);
        Assert.Equal("gradient spike", guard.Judge(200, loss, 100 * norm).Skip);
        Assert.Equal(TrainingEventKind.GradientSpike, Assert.Single(guard.TakeEvents()).Kind);
    }

    [Theory]
    [InlineData(double.NaN, 1, true)]
    [InlineData(3, double.PositiveInfinity, true)]
    [InlineData(3, double.NaN, false)]
    public void What_is_not_finite_is_skipped_always(double loss, double norm, bool enabled)
    {
        SpikeGuard guard = new(Config with { Enabled = enabled }, Warmup);
        Assert.NotNull(guard.Judge(0, loss, norm).Skip);
        Assert.Equal(TrainingEventKind.NotFinite, Assert.Single(guard.TakeEvents()).Kind);
        Assert.Empty(guard.State.Losses);
    }

    [Fact]
    public void A_spike_that_persists_lowers_the_learning_rate_until_it_has_been_quiet()
    {
        SpikeGuard guard = Settled(out double loss, out double norm);
        int step = 200;
        for (int i = 0; i < Config.NarrowSteps; i++)
            Assert.NotNull(guard.Judge(step++, loss + 1, norm).Skip);
        double share = 1;
        for (int i = 0; i < 6; i++)
        {
            UpdateVerdict verdict = guard.Judge(step++, loss + 1, norm);
            Assert.Null(verdict.Skip);
            share = Math.Max(Config.LowestShare, share * Config.LowerBy);
            Assert.Equal(share, verdict.LearningRateShare);
        }
        List<TrainingEventKind> kinds = [.. guard.TakeEvents().Select(happened => happened.Kind).Distinct()];
        Assert.Equal([TrainingEventKind.NarrowSpike, TrainingEventKind.WideSpike, TrainingEventKind.LearningRateLowered], kinds);

        int quiet = 0;
        while (guard.Judge(step++, loss, norm).LearningRateShare < 1)
            quiet++;
        // From 0.1 to 1 in four doublings; at first the newest steps still hold the spike.
        Assert.InRange(quiet, 4 * Config.RestoreAfter - 1, 4 * Config.RestoreAfter + 8);
        Assert.Equal(TrainingEventKind.LearningRateRestored, Assert.Single(guard.TakeEvents()).Kind);
    }

    [Fact]
    public void A_new_level_is_accepted_in_the_end()
    {
        SpikeGuard guard = Settled(out double loss, out double norm);
        int step = 200;
        while (step < 1000 && guard.Judge(step++, loss + 1 + 0.01 * (step % 3), norm).LearningRateShare < 1 | step < 210) { }
        Assert.InRange(step, 210, 200 + Config.Window + 5 * Config.RestoreAfter);
        guard.TakeEvents();
        for (int i = 0; i < 300; i++)
            Assert.Equal(UpdateVerdict.Apply, guard.Judge(step++, loss + 1 + 0.01 * (i % 3), norm));
        Assert.Empty(guard.TakeEvents());
    }

    [Fact]
    public void A_rise_too_slow_for_any_step_to_stand_out_is_wide()
    {
        SpikeGuard guard = Settled(out double loss, out double norm);
        bool lowered = false;
        for (int step = 200; step < 320; step++)
        {
            UpdateVerdict verdict = guard.Judge(step, loss + 0.008 * (step - 200), norm);
            Assert.Null(verdict.Skip);
            lowered |= verdict.LearningRateShare < 1;
        }
        Assert.True(lowered);
        Assert.Contains(guard.TakeEvents(), happened => happened.Kind == TrainingEventKind.WideSpike);
    }

    [Fact]
    public void After_a_change_of_the_data_the_level_is_learnt_anew()
    {
        SpikeGuard guard = Settled(out double loss, out double norm);
        guard.ForgetLevel();
        for (int step = 200; step < 300; step++)
            Assert.Equal(UpdateVerdict.Apply, guard.Judge(step, loss + 2 + 0.01 * (step % 3), norm));
        Assert.Empty(guard.TakeEvents());
        Assert.NotNull(guard.Judge(300, loss + 4, norm).Skip);
    }

    [Fact]
    public void A_guard_from_a_checkpoint_decides_as_the_one_that_wrote_it() =>
        Gen.Select(Gen.Int[0, 1_000_000], Gen.Int[0, 399], Gen.Int[0, 390].Array[0, 6], Gen.Int[1, 30]).Sample(
            (seed, cut, spikes, length) =>
            {
                Curve curve = new(seed, 0.05, 30);
                List<(double, double)> steps = [];
                for (int step = 0; step < 400; step++)
                {
                    (double loss, double norm) = curve.At(step);
                    bool spiking = spikes.Any(spike => step >= spike && step < spike + length);
                    steps.Add((loss + (spiking ? 1.5 : 0), norm));
                }
                SpikeGuard whole = new(Config, Warmup), second = new(Config, Warmup);
                for (int step = 0; step < 400; step++)
                {
                    if (step == cut)
                        second.State = System.Text.Json.JsonSerializer.Deserialize<SpikeGuardState>(
                            System.Text.Json.JsonSerializer.Serialize(whole.State))!;
                    (double loss, double norm) = steps[step];
                    UpdateVerdict expected = whole.Judge(step, loss, norm);
                    IReadOnlyList<TrainingEvent> events = whole.TakeEvents();
                    if (step < cut)
                        continue;
                    Assert.Equal(expected, second.Judge(step, loss, norm));
                    Assert.Equal(events.Select(e => e.Message), second.TakeEvents().Select(e => e.Message));
                }
            },
            iter: 200);
}
