using System.Diagnostics;
using Mazij.Text.Corpora;

namespace Mazij.Data;

/// <summary>What is in a corpus, and how fast it is read.</summary>
public sealed record CorpusStatistics
{
    private const int ReportEveryDocuments = 1024;

    /// <summary>Number of files.</summary>
    public required int Files { get; init; }

    /// <summary>Bytes read, as they are on disk.</summary>
    public required long InputBytes { get; init; }

    /// <summary>Documents, duplicates left out.</summary>
    public required long Documents { get; init; }

    /// <summary>Bytes of their text.</summary>
    public required long TextBytes { get; init; }

    /// <summary>Documents left out because the same text came before.</summary>
    public required long Duplicates { get; init; }

    /// <summary>Bytes of text left out as duplicates.</summary>
    public required long DuplicateBytes { get; init; }

    /// <summary>Bytes of the longest document.</summary>
    public required long LongestDocumentBytes { get; init; }

    /// <summary>Where the longest document comes from.</summary>
    public required string LongestDocumentSource { get; init; }

    /// <summary>Seconds that reading took.</summary>
    public required double Seconds { get; init; }

    /// <summary>Seconds of processor time that it took this process; fewer than <see cref="Seconds"/> where others use the
    /// cores too.</summary>
    public required double ProcessorSeconds { get; init; }

    /// <summary>Text read per second of processor time, duplicates included, in units of 10^6 bytes.</summary>
    public double MegabytesPerProcessorSecond => (TextBytes + DuplicateBytes) / 1e6 / Math.Max(1e-9, ProcessorSeconds);

    /// <summary>Text read a second, duplicates included, in units of 10^6 bytes.</summary>
    public double MegabytesPerSecond => (TextBytes + DuplicateBytes) / 1e6 / Math.Max(1e-9, Seconds);

    /// <summary>Reads a corpus once, on this thread, and counts.</summary>
    /// <param name="corpus">The corpus.</param>
    /// <param name="progress">Called now and then with the number of documents and how far it is.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="InputException">The text cannot be read.</exception>
    public static CorpusStatistics Compute(
        Corpus corpus, Action<long, ReadingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(corpus);
        CorpusTally tally = new();
        ReadingClock clock = new(corpus, tally, corpus.Options.MaximumBytes);
        long started = Stopwatch.GetTimestamp();
        TimeSpan processorStarted = ProcessorTime();
        int longest = 0;
        string source = "";
        foreach (Document document in corpus.Read(tally))
        {
            if (document.Text.Length > longest) (longest, source) = (document.Text.Length, document.Source);
            if (tally.Documents % ReportEveryDocuments == 0)
            {
                cancellation.ThrowIfCancellationRequested();
                progress?.Invoke(tally.Documents, clock.Now());
            }
        }
        return new CorpusStatistics
        {
            Files = corpus.Files,
            InputBytes = tally.InputBytes,
            Documents = tally.Documents,
            TextBytes = tally.Bytes,
            Duplicates = tally.Duplicates,
            DuplicateBytes = tally.DuplicateBytes,
            LongestDocumentBytes = longest,
            LongestDocumentSource = source,
            Seconds = Stopwatch.GetElapsedTime(started).TotalSeconds,
            ProcessorSeconds = (ProcessorTime() - processorStarted).TotalSeconds,
        };
    }

    private static TimeSpan ProcessorTime()
    {
        using Process process = Process.GetCurrentProcess();
        return process.TotalProcessorTime;
    }
}
