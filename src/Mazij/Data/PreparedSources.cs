using System.IO.Hashing;
using System.Text;
using Mazij.Configuration;
using Mazij.Formats;
using Mazij.Text.Corpora;
using Mazij.Text.Tokenizers;

namespace Mazij.Data;

/// <summary>
/// The data of a run with several sources: one tokenizer for all, then for each source its own shards, kept and found like
/// those of a run with that source alone.
/// </summary>
internal static class PreparedSources
{
    private const string TokenizersFolder = "tokenizers";

    /// <summary>As <see cref="PreparedData.Find"/>.</summary>
    /// <exception cref="InputException">A source or the tokenizer is unfit.</exception>
    public static PreparedData? Find(DataConfig data, TokenizerConfig tokenizer, string cacheFolder)
    {
        (TokenizerConfig shared, bool isTrainedHere) = Shared(data, tokenizer, cacheFolder);
        return isTrainedHere && !IsKept(shared.Path!)
            ? null : Open(data, source => PreparedData.Find(data.Only(source), shared, cacheFolder));
    }

    /// <summary>As <see cref="PreparedData.Make"/>; what is there already is used.</summary>
    /// <exception cref="InputException">A source or the tokenizer is unfit.</exception>
    public static PreparedData Make(
        DataConfig data, TokenizerConfig tokenizer, string cacheFolder, int threads, Action<PreparationProgress> progress,
        CancellationToken cancellation)
    {
        (TokenizerConfig shared, bool isTrainedHere) = Shared(data, tokenizer, cacheFolder);
        if (isTrainedHere && !IsKept(shared.Path!))
            Train(data, tokenizer, shared.Path!, threads, progress, cancellation);
        return Open(data, source => PreparedData.Find(data.Only(source), shared, cacheFolder) ?? PreparedData.Make(
            data.Only(source), shared, cacheFolder, threads,
            current => progress(current with { Detail = $"{source.Name}: {current.Detail}" }), cancellation))!;
    }

    /// <summary>Opens all sources, or none.</summary>
    private static PreparedData? Open(DataConfig data, Func<SourceConfig, PreparedData?> open)
    {
        List<(string Name, PreparedData Data)> opened = [];
        bool complete = false;
        try
        {
            foreach (SourceConfig source in data.Sources)
            {
                if (open(source) is not { } one)
                    return null;
                opened.Add((source.Name, one));
            }
            complete = true;
            return PreparedData.Of(opened);
        }
        finally
        {
            if (!complete)
                opened.ForEach(one => one.Data.Dispose());
        }
    }

    /// <summary>The tokenizer by its path: the given one, that of the first finished shards, or where the one trained on
    /// these sources is kept.</summary>
    private static (TokenizerConfig Tokenizer, bool IsTrainedHere) Shared(
        DataConfig data, TokenizerConfig tokenizer, string cacheFolder)
    {
        string? path = tokenizer.Path ?? data.Sources.FirstOrDefault(source => source.Shards is not null)?.Shards;
        if (path is not null)
            return (tokenizer with { Path = path }, false);
        StringBuilder key = new();
        foreach ((SourceConfig source, double share) in data.Sources.Zip(SharesOf(data)))
            key.Append(FormattableString.Invariant($"{PreparedData.KeyOf(data.Only(source), tokenizer)}\n{share:R}\n"));
        string name = Convert.ToHexStringLower(XxHash128.Hash(Encoding.UTF8.GetBytes(key.ToString())));
        return (tokenizer with { Path = Path.Combine(cacheFolder, TokenizersFolder, name) }, true);
    }

    private static bool IsKept(string folder)
    {
        try
        {
            return Directory.Exists(folder) && Tokenizer.Load(folder) is not null;
        }
        catch (InputException)
        {
            return false; // It is damaged, and trained anew.
        }
    }

    /// <summary>Trains the tokenizer of all sources and keeps it in a folder.</summary>
    private static void Train(
        DataConfig data, TokenizerConfig tokenizer, string folder, int threads, Action<PreparationProgress> progress,
        CancellationToken cancellation)
    {
        // The cache is ours: what is left there of a tokenizer whose file is gone must not be in the way.
        if (!File.Exists(Path.Combine(folder, TokenizerFile.Name)))
            AtomicFolder.Delete(folder);
        using BuildFolder building = BuildFolder.Create(folder, "tokenizer", TokenizerFile.Name);
        building.Clear();
        List<(Corpus Corpus, long? MaximumBytes)> corpora = [];
        foreach ((SourceConfig source, double share) in data.Sources.Zip(SharesOf(data)))
        {
            corpora.Add((
                Corpus.Open(source.Corpus, PreparedData.CorpusOptionsOf(data.Only(source))), (long?)(tokenizer.TrainBytes * share)));
        }
        BpeTokenizer trained = PreparedData.Train(corpora, tokenizer, threads, progress, cancellation);
        try
        {
            trained.Save(building.Folder);
            building.Commit();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"Cannot write the tokenizer '{folder}': {error.Message}", error);
        }
    }

    /// <summary>How much of the tokenizer's training text each source gives: by the largest share it ever has in the run.</summary>
    private static double[] SharesOf(DataConfig data)
    {
        MixtureSchedule schedule = new(data, data.Sources.Select(source => source.Name));
        double[] largest = schedule.SharesFrom(null);
        foreach (MixtureConfig mixture in data.Mixture)
            largest = [.. largest.Zip(schedule.SharesFrom(mixture.From), Math.Max)];
        return [.. largest.Select(share => share / largest.Sum())];
    }
}
