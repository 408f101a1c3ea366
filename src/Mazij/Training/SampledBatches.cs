using System.Globalization;
using Mazij.Configuration;
using Mazij.Data;

namespace Mazij.Training;

/// <summary>
/// Batches drawn from the training splits of the sources, in buffers that are filled again every step. Which sample comes
/// when depends on the seed, the data, the mixtures and the number of samples drawn before, not on how batches are cut
/// into micro-batches.
/// </summary>
internal sealed class SampledBatches : IBatchSource
{
    /// <summary>Samples that are given back return at random within so many batches.</summary>
    private const int ReturnWithinBatches = 8;

    private readonly TrainingConfig config;
    private readonly BatchSchedule sizes;
    private readonly MixtureSchedule mixtures;
    private readonly SourceSet sources;
    private readonly List<TokenBatch<long>> buffers = [];
    private readonly List<ReturnedSample> samples = [];
    private readonly int[] fileOrder; // the sources as the run file has them; empty if it names none
    private double? mixtureFrom;
    private double[] shares;
    private bool batchIsFull;

    /// <summary>Begins, or goes on.</summary>
    /// <param name="data">The sources' data.</param>
    /// <param name="dataConfig">Their weights, and the mixtures.</param>
    /// <param name="config">Sizes, phases and seed.</param>
    /// <param name="from">Where the drawing stood; null for the start of a run.</param>
    /// <exception cref="InputException">A source is unfit, or the state does not fit the run.</exception>
    public SampledBatches(
        IReadOnlyList<SourceData> data, DataConfig dataConfig, TrainingConfig config, BatchSourceState? from = null)
    {
        this.config = config;
        sizes = new BatchSchedule(config);
        if (from is not null)
            CheckOrder(from);
        sources = new SourceSet(data, config.SequenceLength, sizes.Block, config.Seed, from);
        mixtures = new MixtureSchedule(dataConfig, sources.Sources.Select(source => source.Name));
        fileOrder = [.. dataConfig.Sources.Select(source => IndexOf(source.Name))];
        IsLong = from?.LongContext ?? false;
        mixtureFrom = from is null ? mixtures.StartAt(0) : from.MixtureFrom;
        shares = mixtures.SharesFrom(mixtureFrom);
        batchIsFull = from?.BatchIsFull ?? config.BatchWarmup is null;
    }

    /// <summary>Called when the long-context phase begins, before the first long batch is given out.</summary>
    public Action? LongContextBegins { get; init; }

    /// <summary>Whether the long-context phase has begun.</summary>
    public bool IsLong { get; private set; }

    /// <summary>The sources.</summary>
    public IReadOnlyList<SampleSource> Sources => sources.Sources;

    /// <summary>The samples of the last batch, in its order.</summary>
    public IReadOnlyList<ReturnedSample> LastSamples => samples;

    /// <inheritdoc/>
    public BatchSourceState State => new()
    {
        SequenceLength = config.SequenceLength,
        Block = sizes.Block,
        Drawn = sources.Drawn,
        LongContext = IsLong,
        BatchIsFull = batchIsFull,
        MixtureFrom = mixtureFrom,
        Sources = sources.States,
        Returned = sources.Returned,
    };

    /// <inheritdoc/>
    public StepBatch Next(TrainingProgress progress)
    {
        (double? mixtureBefore, bool wasLong) = (mixtureFrom, IsLong);
        List<string> changes = FollowRecipe(progress);
        int count = sizes.MicroBatchesAt(progress.Tokens, IsLong), rows = sizes.MicroBatchSize(IsLong);
        int length = sizes.SequenceLength(IsLong);
        while (buffers.Count < count)
            buffers.Add(new TokenBatch<long>(rows, length));
        samples.Clear();
        for (int i = 0; i < count; i++)
        {
            buffers[i].Clear();
            for (int row = 0; row < rows; row++)
            {
                long number = sources.Drawn;
                ReturnedSample sample = sources.Draw(shares);
                SampleSource source = Sources[sample.Source];
                buffers[i].Add(source.Split, source.WindowOf(sample.Position), number);
                samples.Add(sample);
            }
        }
        return new StepBatch(buffers[..count], samples.Count, length, changes)
        {
            HasNewLevel = mixtureFrom != mixtureBefore || IsLong != wasLong,
            Phase = Phase(),
            SourceTokens = fileOrder.Length < 2 ? [] : DrawnTokens(length),
        };
    }

    /// <inheritdoc/>
    public GivenBack GiveBack(long step)
    {
        List<int> dropped = [];
        long horizon = ReturnWithinBatches * (long)samples.Count;
        for (int i = 0; i < samples.Count; i++)
        {
            if (!sources.GiveBack(samples[i], StableHash.Of(config.Seed, step, i, 1) % horizon))
                dropped.Add(i);
        }
        return new GivenBack(samples.Count - dropped.Count, dropped.Count, DocumentsOf(dropped, int.MaxValue));
    }

    /// <inheritdoc/>
    public IReadOnlyList<DocumentReference> DocumentsOfLastBatch(IReadOnlyList<int> sequences, int maximum) =>
        DocumentsOf(sequences, maximum);

    private List<string> FollowRecipe(TrainingProgress progress)
    {
        double fraction = progress.FractionOf(config.Stop);
        List<string> changes = [];
        if (mixtures.StartAt(fraction) is var start && start != mixtureFrom)
        {
            mixtureFrom = start;
            changes.Add($"the mixture is now {mixtures.Describe(start)}");
        }
        shares = mixtures.SharesFrom(mixtureFrom);
        if (!batchIsFull && sizes.IsFull(progress.Tokens))
        {
            batchIsFull = true;
            changes.Add(string.Create(CultureInfo.InvariantCulture, $"the batch has grown to its full size, {config.GlobalBatchSize * (long)config.SequenceLength:N0} tokens"));
        }
        if (!IsLong && config.LongContext is { } phase && fraction >= phase.From)
        {
            IsLong = true;
            buffers.Clear();
            int lost = sources.BeginLong();
            LongContextBegins?.Invoke();
            changes.Add(string.Create(CultureInfo.InvariantCulture,
                $"sequences are now {phase.SequenceLength:N0} tokens long{(phase.RopeTheta is double theta ? $", rope_theta is {theta:R}" : "")}" +
                $"{(lost > 0 ? $"; {lost} samples of skipped steps are given up" : "")}"));
        }
        return changes;
    }

    private RecipePhase? Phase()
    {
        if (fileOrder.Length < 2 && config.BatchWarmup is null && config.LongContext is null)
            return null;
        IReadOnlyList<SourceShare> mixture = fileOrder.Length < 2
            ? []
            : [.. mixtures.InFileOrder(mixtureFrom).Select(source => new SourceShare(source.Source, source.Share))];
        return new RecipePhase(mixture, sizes.MicroBatchesAt(long.MaxValue, IsLong) * sizes.MicroBatchSize(IsLong), IsLong);
    }

    private SourceTokens[] DrawnTokens(int length)
    {
        long[] drawn = new long[Sources.Count];
        foreach (ReturnedSample sample in samples)
            drawn[sample.Source] += length;
        return [.. fileOrder.Select(source => new SourceTokens(Sources[source].Name, drawn[source]))];
    }

    private int IndexOf(string name)
    {
        int index = 0;
        while (Sources[index].Name != name)
            index++;
        return index;
    }

    private void CheckOrder(BatchSourceState from)
    {
        if (from.SequenceLength != config.SequenceLength)
        {
            throw new InputException(
                $"the run was begun with training.sequence_length {from.SequenceLength}, now it is {config.SequenceLength}; " +
                "its order of samples holds for the first only: resume with that");
        }
        if (from.Block != sizes.Block)
        {
            throw new InputException(
                $"the run was begun {(from.Block == 1 ? "without training.long_context" : $"with training.long_context.sequence_length {from.SequenceLength * (long)from.Block}")}; " +
                "its order of samples holds for that only: resume with it, or continue from the model in a new run (model.path)");
        }
        if (from.LongContext && config.LongContext is null)
        {
            throw new InputException(
                "the run is in its long-context phase, and there is no training.long_context any more: resume with it, or continue from the model in a new run (model.path)");
        }
    }

    private List<DocumentReference> DocumentsOf(IEnumerable<int> rows, int maximum)
    {
        HashSet<DocumentReference> seen = [];
        List<DocumentReference> documents = [];
        int length = sizes.SequenceLength(IsLong);
        foreach (int row in rows)
        {
            SampleSource source = Sources[samples[row].Source];
            long first = source.WindowOf(samples[row].Position) * length;
            foreach (DocumentReference document in source.Split.DocumentsIn(first, length + 1))
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
