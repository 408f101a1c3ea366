using Mazij.Training;
using Mazij.Training.Reports;

namespace Mazij.Tests.Training.Reports;

public sealed class EventLogTests
{
    [Fact]
    public void All_events_are_counted_and_the_first_and_newest_are_kept()
    {
        EventLog log = new();
        for (int step = 1; step <= 1000; step++)
            log.Add(new TrainingEvent(step, step % 4 == 0 ? TrainingEventKind.NarrowSpike : TrainingEventKind.NotFinite, "it happened"));
        Assert.Equal((1000, 900), (log.Count, log.LeftOut));
        Assert.Equal(250, log.Counts[TrainingEventKind.NarrowSpike]);
        Assert.Equal(Enumerable.Range(1, 50), log.First.Select(happened => (int)happened.Step));
        Assert.Equal(Enumerable.Range(951, 50), log.Newest.Select(happened => (int)happened.Step));
    }
}
