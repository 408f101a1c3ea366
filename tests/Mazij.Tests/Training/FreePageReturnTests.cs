using Mazij.Configuration;
using Mazij.Training;

namespace Mazij.Tests.Training;

/// <summary>When free pages go back to the system.</summary>
public sealed class FreePageReturnTests
{
    [Theory]
    [InlineData(ActivationCheckpointing.Selective)]
    [InlineData(ActivationCheckpointing.Full)]
    public void A_run_that_saves_memory_returns_them_in_every_fourth_micro_batch(ActivationCheckpointing mode) =>
        Assert.Equal([0, 4, 8, 12, 16], Due(mode, 20, TimeSpan.Zero));

    [Fact]
    public void Slow_micro_batches_return_them_in_every_sixteenth() =>
        Assert.Equal([0, 16, 32], Due(ActivationCheckpointing.None, 40, TimeSpan.FromSeconds(2)));

    [Fact]
    public void Fast_micro_batches_return_them_every_ten_seconds() =>
        Assert.Equal([0, 100, 200], Due(ActivationCheckpointing.None, 250, TimeSpan.FromSeconds(0.1)));

    private static List<int> Due(ActivationCheckpointing mode, int microBatches, TimeSpan each)
    {
        SetClock clock = new();
        FreePageReturn pages = new(mode, clock);
        List<int> due = [];
        for (int microBatch = 0; microBatch < microBatches; microBatch++)
        {
            if (pages.IsDue())
                due.Add(microBatch);
            clock.Now += each.Ticks;
        }
        return due;
    }

    private sealed class SetClock : TimeProvider
    {
        public long Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now;
    }
}
