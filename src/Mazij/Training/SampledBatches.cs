using Mazij.Configuration;
using Mazij.Data;

namespace Mazij.Training;

/// <summary>
/// Batches drawn from the training splits of the sources, in buffers that are filled again every step. Which sample comes
/// when depends on the seed, the data and the number of samples drawn before, not on how batches are cut into
/// micro-batches.
/// </summary>
internal sealed class SampledBatches : IBatchSource
{
    /// <summary>Samples that are given back return at random within so many batches.</summary>
    private const int ReturnWithinBatches = 8;

    private readonly TrainingConfig config;
    private readonly SampleSource[] sources;
    private readonly SourceChooser chooser;
    private readonly ReturnedSamples returned;
    private readonly double[] weights;
    private readonly TokenBatch<long>[] buffers;
    private readonly List<ReturnedSample> lastBatch = [];
    private long drawn;

    /// <summary>Begins, or goes on.</summary>
    /// <param name="dataset">The data.</param>
    /// <param name="identity">A hash of the data.</param>
    /// <param name="config">Sizes and seed.</param>
    /// <param name="from">Where the drawing stood; null for the start of a run.</param>
    /// <exception cref="InputException">The training split is shorter than one window, or the state does not fit the run.</exception>
    public SampledBatches(TokenDataset dataset, string identity, TrainingConfig config, BatchSourceState? from = null)
    {
        this.config = config;
        if (from is not null && from.SequenceLength != config.SequenceLength)
        {
            throw new InputException(
                $"the run was begun with training.sequence_length {from.SequenceLength}, now it is {config.SequenceLength}; " +
                "its order of samples holds for the first only: resume with that");
        }
        SourceState? begun = from?.Sources.FirstOrDefault(source => source.Identity == identity);
        sources = [new SampleSource("", identity, dataset.Train, config.SequenceLength, config.Seed, begun?.Position ?? 0)];
        chooser = new SourceChooser([begun?.Credit ?? 0]);
        weights = [1];
        returned = new ReturnedSamples(sources.Length);
        foreach (ReturnedSample sample in from?.Returned ?? [])
            returned.Add(sample);
        drawn = from?.Drawn ?? 0;
        buffers = new TokenBatch<long>[config.GlobalBatchSize / config.MicroBatchSize];
        for (int i = 0; i < buffers.Length; i++)
            buffers[i] = new TokenBatch<long>(config.MicroBatchSize, config.SequenceLength);
    }

    /// <inheritdoc/>
    public BatchSourceState State => new()
    {
        SequenceLength = config.SequenceLength,
        Drawn = drawn,
        Sources = [.. sources.Select((source, i) => new SourceState(source.Name, source.Identity, source.Position, chooser.Credits[i]))],
        Returned = returned.ToList(),
    };

    /// <inheritdoc/>
    public StepBatch Next(TrainingProgress progress)
    {
        lastBatch.Clear();
        foreach (TokenBatch<long> buffer in buffers)
        {
            buffer.Clear();
            for (int row = 0; row < config.MicroBatchSize; row++)
                Draw(buffer);
        }
        return new StepBatch(buffers, lastBatch.Count, config.SequenceLength, []);
    }

    /// <inheritdoc/>
    public GivenBack GiveBack(long step)
    {
        int back = 0;
        List<int> dropped = [];
        long horizon = ReturnWithinBatches * (long)lastBatch.Count;
        for (int i = 0; i < lastBatch.Count; i++)
        {
            ReturnedSample sample = lastBatch[i];
            if (sample.Times == ReturnedSamples.MaximumTimes)
            {
                dropped.Add(i);
                continue;
            }
            long wait = StableHash.Of(config.Seed, step, i, 1) % horizon;
            returned.Add(sample with { Due = drawn + wait, Times = sample.Times + 1 });
            back++;
        }
        return new GivenBack(back, dropped.Count, DocumentsOf(dropped, int.MaxValue));
    }

    /// <inheritdoc/>
    public IReadOnlyList<DocumentReference> DocumentsOfLastBatch(IReadOnlyList<int> sequences, int maximum) =>
        DocumentsOf(sequences, maximum);

    private void Draw(TokenBatch<long> buffer)
    {
        int source = chooser.Next(weights);
        if (!returned.TryTake(source, drawn, out ReturnedSample sample))
            sample = new ReturnedSample(source, sources[source].Take(), Due: 0, Times: 0);
        buffer.Add(sources[source].Split, sources[source].WindowOf(sample.Position), drawn);
        lastBatch.Add(sample);
        drawn++;
    }

    private List<DocumentReference> DocumentsOf(IEnumerable<int> rows, int maximum)
    {
        HashSet<DocumentReference> seen = [];
        List<DocumentReference> documents = [];
        foreach (int row in rows)
        {
            SampleSource source = sources[lastBatch[row].Source];
            long first = source.WindowOf(lastBatch[row].Position) * config.SequenceLength;
            foreach (DocumentReference document in source.Split.DocumentsIn(first, config.SequenceLength + 1))
            {
                if (documents.Count == maximum)
                    return documents;
                if (seen.Add(document))
                    documents.Add(document);
            }
        }
        return documents;
    }
}
