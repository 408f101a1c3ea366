using CsCheck;
using Mazij.Data;
using Mazij.Text.Corpora;

namespace Mazij.Tests.Data;

public sealed class TokenBatchTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly TokenDataset dataset;

    public TokenBatchTests()
    {
        Random random = new(12);
        for (int i = 0; i < 80; i++)
            folder.Write($"text/{i}.txt", $"{i} {new string((char)('a' + (i % 26)), random.Next(1, 300))}");
        DatasetOptions options = new() { ShardBytes = 3000, ValidationFraction = 0.3 };
        TestDatasets.Build(Corpus.Open([folder["text"]]), new ByteTokenizer(), folder["data"], options);
        dataset = TokenDataset.Open(folder["data"]);
    }

    public void Dispose()
    {
        dataset.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void An_epoch_predicts_every_token_once_with_the_true_token_before_it()
    {
        Gen.Select(Gen.Int[1, 70], Gen.ULong).Sample(
            (length, seed) =>
            {
                int[] all = new int[dataset.Train.Tokens];
                dataset.Train.Read(0, all.AsSpan());
                long windows = dataset.Train.Windows(length);
                Sampler sampler = new(windows, new SamplerState(seed, 0));
                TokenBatch<int> batch = new(1, length);
                int[] predicted = new int[all.Length];
                for (long sample = 0; sample < windows; sample++)
                {
                    batch.Fill(dataset.Train, sampler, sample, 1);
                    int position = (int)batch.Positions[0];
                    Assert.Equal(all.AsSpan(position, length + 1), batch.Ids);
                    for (int i = 1; i <= length; i++) predicted[position + i]++;
                }
                Assert.Equal(0, predicted[0]);
                Assert.All(predicted[1..(int)((windows * length) + 1)], count => Assert.Equal(1, count));
                Assert.True(all.Length - 1 - (windows * length) < length);
            },
            iter: 20);
    }

    [Fact]
    public void A_sample_is_the_same_whatever_the_batch_size_and_the_type_of_the_ids()
    {
        const int Length = 16, Samples = 60;
        Sampler sampler = new(dataset.Train.Windows(Length), new SamplerState(7, 0));
        TokenBatch<long> whole = new(Samples, Length);
        whole.Fill(dataset.Train, sampler, 100, Samples);
        Gen.Int[1, Samples].Sample(size =>
        {
            Sampler other = new(sampler.Windows, sampler.State);
            TokenBatch<int> batch = new(size, Length);
            List<long> ids = [], samples = [], positions = [];
            for (int done = 0; done < Samples; done += size)
            {
                batch.Fill(dataset.Train, other, 100 + done, Math.Min(size, Samples - done));
                foreach (int id in batch.Ids) ids.Add(id);
                samples.AddRange(batch.Samples);
                positions.AddRange(batch.Positions);
            }
            Assert.Equal(whole.Ids, [.. ids]);
            Assert.Equal(whole.Samples, [.. samples]);
            Assert.Equal(whole.Positions, [.. positions]);
        });
    }

    [Fact]
    public void Filling_a_batch_allocates_nothing()
    {
        Sampler sampler = new(dataset.Train.Windows(16), new SamplerState(7, 0));
        TokenBatch<long> batch = new(8, 16);
        batch.Fill(dataset.Train, sampler, 0, 8);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 200; i++) batch.Fill(dataset.Train, sampler, i * 8, 8);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void A_row_leads_back_to_its_documents()
    {
        Sampler sampler = new(dataset.Train.Windows(16), new SamplerState(7, 0));
        TokenBatch<int> batch = new(4, 16);
        batch.Fill(dataset.Train, sampler, 0, 4);
        for (int row = 0; row < 4; row++)
        {
            IReadOnlyList<DocumentReference> documents = dataset.Train.DocumentsIn(batch.Positions[row], 17);
            Assert.NotEmpty(documents);
            string source = documents[0].Source;
            string text = File.ReadAllText(source);
            int within = (int)(batch.Positions[row] - documents[0].FirstToken);
            // The file's character at this place, or the end of text behind the last.
            Assert.Equal(within < text.Length ? text[within] : 256, batch.Ids[row * 17]);
        }
    }

    [Fact]
    public void A_sampler_or_batch_of_another_size_is_refused()
    {
        Sampler sampler = new(dataset.Train.Windows(16) + 1, new SamplerState(7, 0));
        Assert.Throws<ArgumentException>(() => new TokenBatch<int>(4, 16).Fill(dataset.Train, sampler, 0, 4));
        Assert.Throws<ArgumentException>(() => new ValidationReader(dataset, 16).Read(new TokenBatch<int>(4, 15)));
    }

    [Fact]
    public void Validation_reads_the_split_in_order_and_counts_the_bytes_it_predicts()
    {
        int[] all = new int[dataset.Validation.Tokens];
        dataset.Validation.Read(0, all.AsSpan());
        Gen.Select(Gen.Int[1, 60], Gen.Int[1, 9], Gen.Long[1, 5000]).Sample((length, capacity, maximum) =>
        {
            ValidationReader reader = new(dataset, length, maximum);
            TokenBatch<long> batch = new(capacity, length);
            List<int> predicted = [];
            while (reader.Read(batch))
            {
                for (int row = 0; row < batch.Rows; row++)
                {
                    ReadOnlySpan<long> ids = batch.Ids.Slice(row * (length + 1), length + 1);
                    Assert.Equal(all[batch.Positions[row]], ids[0]);
                    foreach (long id in ids[1..]) predicted.Add((int)id);
                }
            }
            Assert.Equal(0, batch.Rows);
            Assert.True(predicted.Count <= Math.Max(length, maximum));
            Assert.Equal(reader.PredictedTokens, predicted.Count);
            Assert.Equal(all.Skip(1).Take(predicted.Count), predicted);
            // Of this tokenizer each id is a byte, but the end of text stands for none.
            Assert.Equal(predicted.Count(id => id != 256), reader.PredictedTextBytes);
            reader.Reset();
            Assert.True(reader.Read(batch));
            Assert.Equal(0, batch.Samples[0]);
        });
    }
}
