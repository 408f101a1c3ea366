using System.Globalization;

namespace Mazij.Data;

/// <summary>What is being prepared, for progress lines.</summary>
/// <param name="Stage">What is going on, a few words.</param>
/// <param name="Detail">How far it is.</param>
/// <param name="IsDone">Whether this is to stay: the stage is over, or it is a note.</param>
internal readonly record struct PreparationProgress(string Stage, string Detail, bool IsDone)
{
    /// <summary>The stage in which a data set is built.</summary>
    public const string Shards = "token shards";

    /// <summary>How far the building of a data set is.</summary>
    public static PreparationProgress Of(DatasetProgress current)
    {
        if (current.Note is not null) return new PreparationProgress("note", current.Note, true);
        string detail = current.Reading is { } reading
            ? FormattableString.Invariant($"{current.Documents:N0} documents, {current.Tokens / 1e6:F1} M tokens, {Describe(reading)}")
            : FormattableString.Invariant($"{current.DocumentsReadAgain:N0} of {current.Documents:N0} documents read again");
        return new PreparationProgress(Shards, detail, false);
    }

    /// <summary>How much of a corpus was read, how fast, and how long the rest will take.</summary>
    public static string Describe(ReadingProgress reading)
    {
        string total = reading.InputBytesTotal is long all ? $" of {Size(all)}" : "";
        string remaining = reading.Remaining is { } left ? ", ETA " + Spell(left) : "";
        return string.Create(
            CultureInfo.InvariantCulture, $"{Size(reading.InputBytes)}{total} read, {reading.MegabytesPerSecond:F0} MB/s{remaining}");
    }

    private static string Size(long bytes) => bytes >= 1_000_000_000
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:F2} GB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:F1} MB");

    private static string Spell(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours}:{time.Minutes:D2}:{time.Seconds:D2}")
        : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:D2}");
}
