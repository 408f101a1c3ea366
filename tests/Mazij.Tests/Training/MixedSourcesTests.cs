using System.Text.Json;
using CsCheck;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Tests.Data;
using Mazij.Text.Corpora;
using Mazij.Training;

namespace Mazij.Tests.Training;

public sealed class MixedSourcesTests(MixedSourcesTests.World world) : IClassFixture<MixedSourcesTests.World>
{
    private const int Length = 8;

    private static readonly TrainingConfig settings = new()
    {
        Seed = 5,
        SequenceLength = Length,
        MicroBatchSize = 2,
        GlobalBatchSize = 8,
        Stop = new StopConfig { Steps = 100 },
    };

    private static readonly DataConfig mixed = new()
    {
        Sources =
        [
            new SourceConfig { Name = "web", Weight = 6 },
            new SourceConfig { Name = "books", Weight = 2 },
            new SourceConfig { Name = "curated", Weight = 0 },
        ],
        Mixture =
        [
            new MixtureConfig { From = 0.5, Weights = new SourceWeights([("web", 1), ("books", 1), ("curated", 2)]) },
            new MixtureConfig { From = 0.8, Weights = new SourceWeights([("curated", 3), ("web", 1)]) },
        ],
    };

    private readonly IReadOnlyDictionary<string, SourceData> data = world.Data;

    [Fact]
    public void Realised_shares_follow_the_mixtures_to_within_a_sample_or_two()
    {
        SampledBatches batches = Create(settings);
        Dictionary<string, int> given = [];
        List<string> changes = [];
        for (int step = 0; step < 100; step++)
        {
            (StepBatch batch, List<Draw> draws) = Next(batches, step);
            changes.AddRange(batch.Changes.Select(change => $"{step}: {change}"));
            Assert.Equal(step is 50 or 80, batch.HasNewLevel);
            foreach (Draw draw in draws)
                given[draw.Source] = given.GetValueOrDefault(draw.Source) + 1;
            // 8 samples a step; 50 steps, then 30, then the rest.
            if (step is 49 or 79 or 99)
            {
                (double web, double books, double curated) = step switch
                {
                    49 => (300.0, 100.0, 0.0),
                    79 => (300 + 60, 100 + 60, 120.0),
                    _ => (360.0 + 40, 160.0, 120 + 120.0),
                };
                Assert.InRange(given["web"] - web, -2, 2);
                Assert.InRange(given["books"] - books, -2, 2);
                Assert.InRange(given.GetValueOrDefault("curated") - curated, -2, 2);
            }
        }
        Assert.Equal(
            ["50: the mixture is now web 25 %, books 25 %, curated 50 %", "80: the mixture is now web 25 %, curated 75 %"],
            changes);
    }

    [Fact]
    public void The_samples_do_not_depend_on_how_batches_are_cut()
    {
        List<Draw> Draws(int microBatch)
        {
            SampledBatches batches = Create(settings with { MicroBatchSize = microBatch });
            return [.. Enumerable.Range(0, 100).SelectMany(step => Next(batches, step).Draws)];
        }
        Assert.Equal(Draws(1), Draws(8));
    }

    [Fact]
    public void No_sample_comes_twice_within_an_epoch_of_its_source_whatever_the_mixture_and_the_sources_do_between_sessions()
    {
        Gen<(int Steps, bool[] Used, int[] Weights)> session =
            Gen.Select(Gen.Int[1, 12], Gen.Bool.Array[3], Gen.Int[1, 9].Array[3]);
        session.Array[1, 6].Sample(
            sessions =>
            {
                BatchSourceState? state = null;
                Dictionary<string, HashSet<(long Epoch, long Position)>> seen = [];
                Dictionary<string, long> taken = [];
                foreach ((int steps, bool[] used, int[] weights) in sessions)
                {
                    // One source stays, as a run resumed with nothing of its own is refused.
                    SourceConfig[] sources =
                    [
                        .. mixed.Sources.Select((source, i) => source with { Weight = weights[i] })
                            .Where((_, i) => i == 0 || used[i]),
                    ];
                    SampledBatches batches = Create(settings, new DataConfig { Sources = sources }, state);
                    for (int step = 0; step < steps; step++)
                    {
                        foreach (Draw draw in Next(batches, step).Draws)
                        {
                            SampleSource source = batches.Sources.Single(source => source.Name == draw.Source);
                            long index = draw.Order / source.Windows;
                            Assert.True(
                                seen.TryAdd(draw.Source, [(index, draw.Position)]) || seen[draw.Source].Add((index, draw.Position)),
                                $"{draw} came twice");
                            taken[draw.Source] = taken.GetValueOrDefault(draw.Source) + 1;
                        }
                    }
                    state = RoundTrip(batches.State);
                }
                Assert.All(state!.Sources, source => Assert.True(source.Position >= taken.GetValueOrDefault(source.Name)));
            },
            iter: 60);
    }

    [Fact]
    public void A_run_resumed_at_any_point_draws_what_it_would_have_drawn()
    {
        TrainingConfig config = settings with
        {
            BatchWarmup = new BatchWarmupConfig { From = 2, Tokens = 20 * 8 * Length },
            LongContext = new LongContextConfig { From = 0.7, SequenceLength = 4 * Length, MicroBatchSize = 2 },
        };
        Gen.Select(Gen.Int[0, 100], Gen.Int[0, 9].Array[100]).Sample(
            (stop, luck) =>
            {
                SampledBatches whole = Create(config), before = Create(config);
                List<string> expected = Run(whole, 0, 100);
                List<string> first = Run(before, 0, stop);
                SampledBatches after = Create(config, mixed, RoundTrip(before.State));
                Assert.Equal(expected, [.. first, .. Run(after, stop, 100)]);
                Assert.Equal(JsonSerializer.Serialize(whole.State), JsonSerializer.Serialize(after.State));

                List<string> Run(SampledBatches batches, int from, int to)
                {
                    List<string> lines = [];
                    for (int step = from; step < to; step++)
                    {
                        (StepBatch batch, List<Draw> draws) = Next(batches, step);
                        lines.Add($"{string.Join("; ", batch.Changes)} {batch.MicroBatches.Count} {batch.SequenceLength} {string.Join(' ', draws)}");
                        if (luck[step] == 0)
                            batches.GiveBack(step);
                    }
                    return lines;
                }
            },
            iter: 15);
    }

    [Fact]
    public void The_batch_grows_by_whole_micro_batches_and_says_when_it_is_full()
    {
        SampledBatches batches = Create(settings with { BatchWarmup = new BatchWarmupConfig { From = 2, Tokens = 100 * Length } });
        List<int> samples = [];
        List<string> changes = [];
        long tokens = 0;
        while (samples.Count < 40)
        {
            StepBatch batch = batches.Next(new TrainingProgress { Step = samples.Count, Tokens = tokens });
            tokens += batch.Tokens;
            samples.Add(batch.Samples);
            changes.AddRange(batch.Changes);
            Assert.False(batch.HasNewLevel);
        }
        Assert.Equal((2, 8), (samples[0], samples[^1]));
        Assert.Equal(samples.Order(), samples);
        Assert.Equal([2, 4, 6, 8], samples.Distinct());
        // From 2 to 8 over 100 sequences: 4 from a third on, 6 from two thirds on.
        Assert.InRange(samples.TakeWhile(count => count < 4).Sum(), 33, 36);
        Assert.InRange(samples.TakeWhile(count => count < 6).Sum(), 66, 72);
        Assert.InRange(samples.TakeWhile(count => count < 8).Sum(), 100, 106);
        Assert.Equal(["the batch has grown to its full size, 64 tokens"], changes);
    }

    [Fact]
    public void Longer_sequences_hold_no_token_that_shorter_ones_held_and_batches_keep_their_tokens()
    {
        TrainingConfig config = settings with
        {
            LongContext = new LongContextConfig { From = 0.3, SequenceLength = 4 * Length, MicroBatchSize = 1, RopeTheta = 5e5 },
        };
        int begun = 0;
        SourceConfig web = mixed.Sources[0];
        SampledBatches batches = new(
            [data["web"]], new DataConfig { Sources = [web] }, config)
        { LongContextBegins = () => begun++ };
        int[] predicted = new int[data["web"].Dataset.Train.Tokens];
        List<string> changes = [];
        for (int step = 0; step < 60; step++)
        {
            StepBatch batch = batches.Next(new TrainingProgress { Step = step });
            Assert.Equal(8 * Length, batch.Tokens);
            Assert.Equal(step < 30 ? (8, Length) : (2, 4 * Length), (batch.Samples, batch.SequenceLength));
            Assert.Equal(step < 30 ? 0 : 1, begun);
            Assert.Equal(step == 30, batch.HasNewLevel);
            changes.AddRange(batch.Changes);
            foreach (TokenBatch<long> micro in batch.MicroBatches)
            {
                foreach (long position in micro.Positions)
                {
                    for (int i = 1; i <= batch.SequenceLength; i++)
                        predicted[position + i]++;
                }
            }
        }
        Assert.Equal(["sequences are now 32 tokens long, rope_theta is 500000"], changes);
        Assert.Equal(60 * 8 * Length, predicted.Sum());
        Assert.Equal(1, predicted.Max());
    }

    [Fact]
    public void Text_of_two_sources_is_drawn_from_the_smaller_one_only()
    {
        SampledBatches batches = Create(settings with { Stop = new StopConfig { Steps = 100_000 } },
            mixed with { Sources = [.. mixed.Sources.Select(source => source with { Weight = 1 })], Mixture = [] });
        Dictionary<string, Dictionary<string, int>> words = [];
        SampleSource web = batches.Sources.Single(source => source.Name == "web");
        for (int step = 0; web.Position < web.Windows - 4; step++)
        {
            foreach (Draw draw in Next(batches, step).Draws)
            {
                TokenSplit split = data[draw.Source].Dataset.Train;
                foreach (DocumentReference document in split.DocumentsIn(draw.Position + 1, Length))
                {
                    // Tokens of the document that this window predicts, of the first epoch.
                    long overlap = Math.Min(draw.Position + Length + 1, document.FirstToken + document.Tokens)
                        - Math.Max(draw.Position + 1, document.FirstToken);
                    if (draw.Order < batches.Sources.Single(source => source.Name == draw.Source).Windows)
                        Count(draw.Source, Text(split, document)[..4], (int)overlap);
                }
            }
        }
        // What is left of shared documents in web are ends of at most half a window at either side.
        Assert.InRange(words["web"].GetValueOrDefault("shar"), 0, 20 * 2 * Length / 2);
        Assert.True(words["curated"]["shar"] > 500);
        Assert.True(words["web"]["web "] > 4500);
        Assert.True(web.ShareLeftOut > 0.05);

        void Count(string source, string kind, int tokens)
        {
            words.TryAdd(source, []);
            words[source][kind] = words[source].GetValueOrDefault(kind) + tokens;
        }
    }

    [Fact]
    public void A_source_that_came_later_leaves_the_text_to_those_that_were_there()
    {
        DataConfig without = mixed with { Sources = [.. mixed.Sources.Take(2)], Mixture = [] };
        SampledBatches before = Create(settings, without);
        Next(before, 0);
        Assert.All(before.Sources, source => Assert.Equal(0, source.ShareLeftOut));
        SampledBatches after = Create(settings, mixed with { Mixture = [] }, RoundTrip(before.State));
        Assert.Equal(0, after.Sources.Single(source => source.Name == "web").ShareLeftOut);
        Assert.InRange(after.Sources.Single(source => source.Name == "curated").ShareLeftOut, 0.2, 0.5);
    }

    [Fact]
    public void A_source_is_known_by_its_data_not_its_name()
    {
        DataConfig single = new() { Sources = [new SourceConfig { Name = "web" }] };
        SampledBatches before = Create(settings, single);
        Next(before, 0);
        SourceData renamed = data["web"] with { Name = "internet" };
        DataConfig other = new() { Sources = [new SourceConfig { Name = "internet" }] };
        Assert.Equal(8, new SampledBatches([renamed], other, settings, before.State).Sources[0].Position);
        InputException stranger = Assert.Throws<InputException>(() => new SampledBatches(
            [data["books"]], new DataConfig { Sources = [mixed.Sources[1]] }, settings, before.State));
        Assert.Contains("other token shards", stranger.Message, StringComparison.Ordinal);
        InputException twice = Assert.Throws<InputException>(() => new SampledBatches([data["web"], renamed], single, settings));
        Assert.Contains("'web' and 'internet' are the same data", twice.Message, StringComparison.Ordinal);
    }

    private SampledBatches Create(TrainingConfig config, DataConfig? sources = null, BatchSourceState? from = null)
    {
        sources ??= mixed;
        return new SampledBatches([.. sources.Sources.Select(source => data[source.Name])], sources, config, from);
    }

    /// <summary>One sample: its source, its place in the source's order, and its first token's position.</summary>
    private readonly record struct Draw(string Source, long Order, long Position);

    private static (StepBatch Batch, List<Draw> Draws) Next(SampledBatches batches, int step)
    {
        long tokens = (long)step * 8 * Length;
        StepBatch batch = batches.Next(new TrainingProgress { Step = step, Tokens = tokens });
        List<long> positions = [.. batch.MicroBatches.SelectMany(micro => micro.Positions.ToArray())];
        return (batch, [.. batches.LastSamples.Zip(positions, (sample, position) =>
            new Draw(batches.Sources[sample.Source].Name, sample.Position, position))]);
    }

    private static BatchSourceState RoundTrip(BatchSourceState state) =>
        JsonSerializer.Deserialize<BatchSourceState>(JsonSerializer.Serialize(state, CheckpointState.Json), CheckpointState.Json)!;

    private static string Text(TokenSplit split, DocumentReference document)
    {
        int[] ids = new int[document.Tokens - 1];
        split.Read(document.FirstToken, ids.AsSpan());
        return string.Concat(ids.Select(id => (char)id));
    }

    /// <summary>Three sources: <c>web</c>, <c>books</c>, and <c>curated</c>, a third of whose documents are in <c>web</c>
    /// too.</summary>
    public sealed class World : IDisposable
    {
        private readonly TemporaryFolder folder = new();
        private readonly Dictionary<string, SourceData> data = [];

        public World()
        {
            Random random = new(3);
            string[] shared = [.. Enumerable.Range(0, 20).Select(i => Document("shared", i))];
            Build("web", [.. Enumerable.Range(0, 150).Select(i => Document("web", i)), .. shared]);
            Build("books", [.. Enumerable.Range(0, 60).Select(i => Document("books", i))]);
            Build("curated", [.. shared, .. Enumerable.Range(0, 40).Select(i => Document("curated", i))]);

            string Document(string kind, int number) =>
                $"{kind} {number} {string.Concat(Enumerable.Range(0, random.Next(20, 60)).Select(_ => (char)('a' + random.Next(26))))}";
        }

        internal IReadOnlyDictionary<string, SourceData> Data => data;

        public void Dispose()
        {
            foreach (SourceData source in data.Values)
                source.Dataset.Dispose();
            folder.Dispose();
        }

        private void Build(string name, IReadOnlyList<string> documents)
        {
            for (int i = 0; i < documents.Count; i++)
                folder.Write($"{name}/{i:D3}.txt", documents[i]);
            DatasetBuilder.Build(
                Corpus.Open([folder[name]]), new ByteTokenizer(), folder[name + ".data"],
                new DatasetOptions { ValidationFraction = 0.05 }, cancellation: CancellationToken.None);
            data.Add(name, new SourceData(name, name + "'s hash", TokenDataset.Open(folder[name + ".data"])));
        }
    }
}
