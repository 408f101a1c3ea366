using System.Globalization;
using Mazij.Configuration;

namespace Mazij.Data;

/// <summary>Which share of the samples each source gives, over the run.</summary>
internal sealed class MixtureSchedule
{
    private readonly IReadOnlyList<SourceConfig> sources;
    private readonly IReadOnlyList<MixtureConfig> mixtures;
    private readonly string[] names;
    private readonly double[] own;

    /// <summary>Reads the mixtures of a run.</summary>
    /// <param name="config">Sources and mixtures; without sources there is one, of weight 1.</param>
    /// <param name="names">The sources in the order in which shares are wanted.</param>
    public MixtureSchedule(DataConfig config, IEnumerable<string> names)
    {
        this.names = [.. names];
        sources = config.Sources;
        mixtures = config.Mixture;
        own = config.Sources.Count == 0
            ? [1]
            : Shares(name => config.Sources.Single(source => source.Name == name).Weight);
    }

    /// <summary>The shares with which a run begins, in the order of its sources.</summary>
    public static double[] SharesAtStart(DataConfig config)
    {
        MixtureSchedule schedule = new(config, config.Sources.Select(source => source.Name));
        return schedule.SharesFrom(schedule.StartAt(0));
    }

    /// <summary>Where the mixture that holds at some point of the run begins; null for the sources' own weights.</summary>
    /// <param name="fraction">The share of the run that is done.</param>
    public double? StartAt(double fraction) => mixtures.LastOrDefault(mixture => mixture.From <= fraction)?.From;

    /// <summary>The shares of the mixture that begins at <paramref name="start"/>; together 1.</summary>
    public double[] SharesFrom(double? start) =>
        start is double from && mixtures.FirstOrDefault(mixture => mixture.From == from) is { } mixture
            ? Shares(name => mixture.Weights[name])
            : own;

    /// <summary>A mixture in words, in the order of the run file: "web 80 %, books 20 %".</summary>
    public string Describe(double? start) => string.Join(", ", InFileOrder(start).Where(source => source.Share > 0).Select(source =>
        string.Create(CultureInfo.InvariantCulture, $"{source.Source} {100 * source.Share:0.##} %")));

    /// <summary>The shares of a mixture in the order of the run file; empty without sources.</summary>
    public IReadOnlyList<(string Source, double Share)> InFileOrder(double? start)
    {
        Dictionary<string, double> shares = names.Zip(SharesFrom(start)).ToDictionary(pair => pair.First, pair => pair.Second);
        return [.. sources.Select(source => (source.Name, shares[source.Name]))];
    }

    private double[] Shares(Func<string, double> weightOf)
    {
        double[] weights = [.. names.Select(weightOf)];
        double sum = weights.Sum();
        return sum > 0 ? [.. weights.Select(weight => weight / sum)] : weights;
    }
}
