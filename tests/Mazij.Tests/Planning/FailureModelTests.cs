using CsCheck;
using Mazij.Planning;

namespace Mazij.Tests.Planning;

public sealed class FailureModelTests
{
    [Fact]
    public void No_other_interval_of_checkpoints_loses_less() => Gen.Select(Gen.Int[8, 20000], Gen.Double[1e11, 1e13], Gen.Double[0.3, 3]).Sample((devices, bytes, factor) =>
    {
        PlanAssumptions assumptions = new() { RestartSeconds = 0 };
        FailureModel failures = FailureModel.Of(devices, bytes, assumptions);
        double between = assumptions.DeviceHoursBetweenFailures * 3600 / devices, stall = Math.Max(failures.CheckpointSeconds * assumptions.CheckpointStall, 1e-3);
        double other = failures.CheckpointInterval * factor;
        return stall / other + other / 2 / between >= failures.LostShare - 1e-9;
    });

    [Fact]
    public void Llama_3s_cluster_fails_as_often_as_it_did()
    {
        // 466 interruptions in 54 days on 16,384 devices.
        Assert.Equal(466.0 / 54, FailureModel.Of(16384, 5e12, new PlanAssumptions()).FailuresPerDay, 0.02);
    }
}
