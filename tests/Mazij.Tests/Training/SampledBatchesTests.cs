using System.Text.Json;
using CsCheck;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Tests.Data;
using Mazij.Text.Corpora;
using Mazij.Training;

namespace Mazij.Tests.Training;

public sealed class SampledBatchesTests : IDisposable
{
    private const int Length = 8;

    private static readonly TrainingConfig settings = new()
    {
        Seed = 5,
        SequenceLength = Length,
        MicroBatchSize = 2,
        GlobalBatchSize = 6,
        Stop = new StopConfig { Steps = 1000 },
    };

    private readonly TemporaryFolder folder = new();
    private readonly TokenDataset dataset;

    public SampledBatchesTests()
    {
        for (int i = 0; i < 40; i++)
            folder.Write($"text/{i}.txt", $"{i} {new string((char)('a' + i % 26), 40 + i)}");
        TestDatasets.Build(
            Corpus.Open([folder["text"]]), new ByteTokenizer(), folder["data"], new DatasetOptions { ValidationFraction = 0.1 });
        dataset = TokenDataset.Open(folder["data"]);
    }

    public void Dispose()
    {
        dataset.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Samples_do_not_depend_on_how_a_batch_is_cut()
    {
        long[] Positions(int microBatch, int globalBatch, int steps)
        {
            SampledBatches batches = Create(settings with { MicroBatchSize = microBatch, GlobalBatchSize = globalBatch });
            return [.. Enumerable.Range(0, steps).SelectMany(_ => PositionsOf(batches.Next(new TrainingProgress())))];
        }
        long[] expected = Positions(1, 1, 240);
        Assert.Equal(expected, Positions(2, 6, 40));
        Assert.Equal(expected, Positions(24, 24, 10));
    }

    [Fact]
    public void Samples_of_a_skipped_step_come_again_at_random_within_eight_batches()
    {
        SampledBatches batches = Create(settings);
        long[] skipped = PositionsOf(batches.Next(new TrainingProgress()));
        GivenBack back = batches.GiveBack(0);
        Assert.Equal((6, 0), (back.Returned, back.Dropped));
        List<long[]> later = [.. Enumerable.Range(0, 9).Select(_ => PositionsOf(batches.Next(new TrainingProgress())))];
        long[] all = [.. later.SelectMany(positions => positions)];
        // Each once, and no fresh sample was lost for it.
        Assert.All(skipped, position => Assert.Single(all, position));
        Assert.Equal(all.Length, all.Distinct().Count());
        Assert.Equal(FirstPositions(6 + 54 - 6), skipped.Concat(all).Distinct().Order());
        Assert.True(later.Count(positions => positions.Intersect(skipped).Any()) > 2, "they are spread over several batches");
        Assert.Empty(batches.State.Returned);
    }

    [Fact]
    public void A_sample_given_back_too_often_is_dropped_with_the_names_of_its_documents()
    {
        SampledBatches batches = Create(settings);
        Dictionary<long, int> times = [];
        List<long> dropped = [];
        for (int step = 0; step < 60; step++)
        {
            long[] positions = PositionsOf(batches.Next(new TrainingProgress()));
            GivenBack back = batches.GiveBack(step);
            foreach (long position in positions)
                times[position] = times.GetValueOrDefault(position) + 1;
            List<long> now = [.. positions.Where(position => times[position] == ReturnedSamples.MaximumTimes + 1)];
            Assert.Equal((6 - now.Count, now.Count), (back.Returned, back.Dropped));
            Assert.Equal(
                now.SelectMany(position => dataset.Train.DocumentsIn(position, Length + 1)).Distinct(), back.DroppedDocuments);
            dropped.AddRange(now);
        }
        Assert.NotEmpty(dropped);
        Assert.Equal(ReturnedSamples.MaximumTimes + 1, times.Values.Max());
        long[] rest = [.. Enumerable.Range(0, 30).SelectMany(_ => PositionsOf(batches.Next(new TrainingProgress())))];
        Assert.Empty(rest.Intersect(dropped));
    }

    [Fact]
    public void A_resumed_run_draws_what_the_run_would_have_drawn_with_samples_given_back_at_any_point()
    {
        Gen.Select(Gen.Int[0, 30], Gen.Bool.Array[40]).Sample(
            (stop, skips) =>
            {
                SampledBatches whole = Create(settings), before = Create(settings);
                List<long[]> expected = Draw(whole, skips, 0, 40);
                List<long[]> drawn = Draw(before, skips, 0, stop);
                string json = JsonSerializer.Serialize(before.State, CheckpointState.Json);
                SampledBatches after = Create(settings, JsonSerializer.Deserialize<BatchSourceState>(json, CheckpointState.Json));
                Assert.Equal(expected, [.. drawn, .. Draw(after, skips, stop, 40)]);
                Assert.Equal(
                    JsonSerializer.Serialize(whole.State, CheckpointState.Json), JsonSerializer.Serialize(after.State, CheckpointState.Json));
            },
            iter: 30);
    }

    [Fact]
    public void The_documents_of_a_batch_are_those_its_windows_lie_in()
    {
        SampledBatches batches = Create(settings);
        long[] positions = PositionsOf(batches.Next(new TrainingProgress()));
        IReadOnlyList<DocumentReference> all = batches.DocumentsOfLastBatch([.. Enumerable.Range(0, positions.Length)], 100);
        Assert.Equal(positions.SelectMany(position => dataset.Train.DocumentsIn(position, Length + 1)).Distinct(), all);
        Assert.Equal(all.Take(3), batches.DocumentsOfLastBatch([.. Enumerable.Range(0, positions.Length)], 3));
        Assert.Equal(dataset.Train.DocumentsIn(positions[1], Length + 1), batches.DocumentsOfLastBatch([1], 100));
    }

    [Fact]
    public void Another_sequence_length_is_refused_on_resume()
    {
        InputException error = Assert.Throws<InputException>(
            () => Create(settings with { SequenceLength = Length * 2 }, Create(settings).State));
        Assert.Contains("sequence_length 8, now it is 16", error.Message, StringComparison.Ordinal);
    }

    private SampledBatches Create(TrainingConfig config, BatchSourceState? from = null) => new([new SourceData("", "data", dataset)], new DataConfig(), config, from);

    private static long[] PositionsOf(StepBatch batch) => [.. batch.MicroBatches.SelectMany(micro => micro.Positions.ToArray())];

    private static List<long[]> Draw(SampledBatches batches, bool[] skips, int from, int to)
    {
        List<long[]> drawn = [];
        for (int step = from; step < to; step++)
        {
            drawn.Add(PositionsOf(batches.Next(new TrainingProgress { Step = step })));
            if (skips[step])
                batches.GiveBack(step);
        }
        return drawn;
    }

    private IEnumerable<long> FirstPositions(int count)
    {
        Sampler sampler = new(dataset.Train.Windows(Length), new SamplerState((ulong)settings.Seed, 0));
        return Enumerable.Range(0, count).Select(sample => sampler.WindowOf(sample) * Length).Order();
    }
}
