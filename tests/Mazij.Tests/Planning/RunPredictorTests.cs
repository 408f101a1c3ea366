using Mazij.Configuration;
using Mazij.Devices.Profiles;
using Mazij.Models;
using Mazij.Planning;
using Mazij.Tests.Devices.Profiles;
using Mazij.Training;
using static TorchSharp.torch;

namespace Mazij.Tests.Planning;

/// <summary>The arithmetic of a run's prediction, on a machine that is made up.</summary>
public sealed class RunPredictorTests
{
    private static readonly ModelConfig model = ModelPresets.Find("quickstart")!;

    private static RunCompute Compute => new(ScalarType.BFloat16, 2, 4e11, 1e6, HasRoomForSnapshot: true, SharedDocuments: 0);

    private static RunConfig Run(TrainingConfig training, double? price = null) => new()
    {
        Training = training with { SequenceLength = 256, MicroBatchSize = 8 },
        Cost = new CostConfig { PricePerHour = price, Currency = "EUR" },
    };

    private static RunPrediction Predict(TrainingConfig training, double? price = null, LocalSpeed? speed = null, ModelConfig? other = null) =>
        new RunPredictor(other ?? model, Run(training, price), speed ?? LocalSpeed.Typical(4e11), Compute).Predict();

    private static TrainingConfig Steps(long steps) => new()
    {
        Stop = new StopConfig { Steps = steps },
        GlobalBatchSize = 16,
        EvaluateEvery = 0,
        CheckpointEvery = 0,
    };

    [Fact]
    public void A_run_of_steps_takes_so_many_steps()
    {
        RunPrediction run = Predict(Steps(100), price: 3.6);
        Assert.Equal((100, 100.0 * 16 * 256), (run.Steps, run.Tokens));
        Assert.Equal(100 * run.StepSeconds + run.OtherSeconds, run.Seconds, 1e-9 * run.Seconds);
        Assert.Equal(16 * 256 / run.StepSeconds, run.TokensPerSecond, 1e-6 * run.TokensPerSecond);
        Assert.Equal(ModelCost.TrainingFlopsPerToken(model, 256) * run.TokensPerSecond / 4e11, run.Mfu!.Value, 1e-9);
        Assert.Equal(run.Seconds / 1000, run.Cost!.Value, 1e-9 * run.Seconds);
        Assert.Equal(TrainingMemory.Of(model, ScalarType.BFloat16, Run(Steps(100)).Training, 2).Total, run.MemoryBytes);
        Assert.Null(Predict(Steps(100)).Cost);
    }

    [Fact]
    public void The_step_is_its_kernels_and_what_is_around_them_disturbed_as_the_profile_was()
    {
        LocalSpeed speed = LocalSpeed.Of(ProfileSamples.Whole, ProfileDtype.Bf16);
        RunPrediction run = Predict(Steps(10) with { GlobalBatchSize = 24 }, speed: speed);
        TrainingWork work = new(model, 2);
        double Seconds(IEnumerable<KernelWork> parts) => parts.Sum(part => part.Count * speed.Rates.Seconds(part.Call));
        double around = ProfileSamples.AroundStep + 4 * ProfileSamples.AroundLayer;
        double undisturbed = 3 * (Seconds(work.MicroBatch(8, 256)) + around) + Seconds(work.Update());
        Assert.Equal(ProfileSamples.Disturbance, speed.Disturbance, 1e-9);
        Assert.Equal(ProfileSamples.Disturbance * undisturbed, run.StepSeconds, 1e-6 * run.StepSeconds);
        Assert.Contains("profile of this machine of 2026-01-02", run.Basis, StringComparison.Ordinal);
    }

    [Fact]
    public void The_first_of_several_stops_counts()
    {
        Assert.Equal(50, Predict(Steps(100) with { Stop = new StopConfig { Steps = 100, Tokens = 50 * 16 * 256 } }).Steps);
        Assert.Equal(100, Predict(Steps(100) with { Stop = new StopConfig { Steps = 100, Minutes = 1e6 } }).Steps);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(20, 0)]
    [InlineData(10, 15)]
    public void A_run_of_minutes_lasts_them_whatever_is_beside_the_steps(long evaluateEvery, long checkpointEvery)
    {
        RunPrediction run = Predict(Steps(1) with
        {
            Stop = new StopConfig { Minutes = 3 },
            EvaluateEvery = evaluateEvery,
            CheckpointEvery = checkpointEvery,
            SamplePrompts = ["a", "b"],
        });
        Assert.Equal(180, run.Seconds, run.StepSeconds + 0.1 * run.EvaluationSeconds);
        Assert.Equal(run.Tokens / run.TokensPerSecond + run.EvaluationSeconds + run.OtherSeconds, run.Seconds, 1e-9 * run.Seconds);
    }

    [Fact]
    public void Evaluations_count_each_and_the_last_one_comes_behind()
    {
        TrainingConfig training = Steps(95) with { EvaluateEvery = 10, EvaluateTokens = 50_000 };
        RunPrediction nine = Predict(training), ten = Predict(training with { Stop = new StopConfig { Steps = 100 } });
        Assert.Equal(10.0 / 9, ten.EvaluationSeconds / nine.EvaluationSeconds, 1e-9);
        // The last one of a hundred steps falls on its last step; that of 95 comes behind it.
        Assert.True(nine.EndingSeconds > ten.EndingSeconds);
        double evaluation = LocalSpeed.Typical(4e11).Evaluation(model, 8, 256, 50_000, 2);
        Assert.Equal(9 * evaluation, nine.EvaluationSeconds, 1e-9 * evaluation);
        Assert.Equal(Predict(training with { EvaluateTokens = 1_000_000 }).EvaluationSeconds, Predict(training with { EvaluateTokens = 9_000_000 }).EvaluationSeconds);
    }

    [Fact]
    public void A_checkpoint_between_steps_takes_memory_for_its_copy()
    {
        long without = Predict(Steps(100)).MemoryBytes, with = Predict(Steps(100) with { CheckpointEvery = 50 }).MemoryBytes;
        Assert.Equal(12 * new ParameterLayout(model).TotalCount, with - without);
        Assert.Equal(without, Predict(Steps(100) with { CheckpointEvery = 100 }).MemoryBytes);
    }

    [Fact]
    public void A_phase_of_long_sequences_counts_by_its_share()
    {
        TrainingConfig plain = Steps(1) with { Stop = new StopConfig { Tokens = 10_000_000 }, GlobalBatchSize = 64 };
        ModelConfig longer = model with { MaxPositionEmbeddings = 4096 };
        TrainingConfig phased = plain with { LongContext = new LongContextConfig { From = 0.75, SequenceLength = 4096, MicroBatchSize = 1 } };
        RunPredictor predictor = new(longer, Run(phased), LocalSpeed.Typical(4e11), Compute);
        RunPrediction run = predictor.Predict();
        double first = predictor.StepSeconds(isLong: false), last = predictor.StepSeconds(isLong: true);
        Assert.True(last > 1.2 * first);
        Assert.Equal(10_000_000 / (64.0 * 256) * (0.75 * first + 0.25 * last), run.Seconds - run.OtherSeconds, 1e-6 * run.Seconds);
    }

    [Fact]
    public void A_growing_batch_takes_more_steps_for_the_same_tokens()
    {
        TrainingConfig training = Steps(1) with { Stop = new StopConfig { Tokens = 4_096_000 }, GlobalBatchSize = 32 };
        Assert.Equal(500, Predict(training).Steps);
        // Half of the tokens come in batches of 20 sequences on average.
        Assert.Equal(250 + 400, Predict(training with { BatchWarmup = new BatchWarmupConfig { From = 8, Tokens = 2_048_000 } }).Steps);
    }

    [Fact]
    public void A_profile_of_another_machine_is_refused_by_name()
    {
        ProfiledMachine here = ProfileSamples.Whole.Machine;
        string Refusal(ProfiledMachine machine, ScalarType type) =>
            Assert.Throws<InputException>(() => LocalPrediction.SpeedOf(ProfileSamples.Whole, "p.json", machine, type)).Message;
        Assert.Contains("p.json: is the profile of another machine", Refusal(here with { Model = "Another" }, ScalarType.BFloat16), StringComparison.Ordinal);
        Assert.Contains("3 threads, not 2", Refusal(here with { Threads = 3 }, ScalarType.BFloat16), StringComparison.Ordinal);
        Assert.Contains("no training steps in fp32", Refusal(here, ScalarType.Float32), StringComparison.Ordinal);
        Assert.NotNull(LocalPrediction.SpeedOf(ProfileSamples.Whole, "p.json", here, ScalarType.BFloat16));
    }
}
