using System.Diagnostics;
using Mazij.Text.Corpora;

namespace Mazij.Data;

/// <summary>How far the reading of a corpus is.</summary>
/// <param name="InputBytes">Bytes read of its files, as they are on disk.</param>
/// <param name="InputBytesTotal">Bytes of all its files; null if that is not known.</param>
/// <param name="MegabytesPerSecond">Text read per second, in units of 10^6 bytes.</param>
/// <param name="Remaining">Time that the rest will take at this speed; null if that is not known.</param>
public readonly record struct ReadingProgress(
    long InputBytes, long? InputBytesTotal, double MegabytesPerSecond, TimeSpan? Remaining);

/// <summary>Measures how fast a corpus is read.</summary>
/// <param name="corpus">The corpus.</param>
/// <param name="tally">What is counted while it is read.</param>
/// <param name="maximumBytes">Reading ends after so much text; null if it does not.</param>
internal sealed class ReadingClock(Corpus corpus, CorpusTally tally, long? maximumBytes)
{
    private readonly long? total = corpus.InputBytes;
    private long started = Stopwatch.GetTimestamp();
    private long startBytes;
    private double startFraction;

    /// <summary>Time since the start.</summary>
    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(started);

    /// <summary>Measures from here on, as what came before went at another speed.</summary>
    public void Restart() => (started, startBytes, startFraction) = (Stopwatch.GetTimestamp(), tally.Bytes, Fraction());

    /// <summary>How far it is now.</summary>
    public ReadingProgress Now()
    {
        double seconds = Math.Max(1e-9, Elapsed.TotalSeconds), fraction = Fraction();
        double rate = (fraction - startFraction) / seconds;
        return new ReadingProgress(
            tally.InputBytes,
            total,
            (tally.Bytes - startBytes) / 1e6 / seconds,
            rate > 0 ? TimeSpan.FromSeconds(Math.Min((1 - fraction) / rate, 1e9)) : null);
    }

    /// <summary>The share read, 0 to 1; of two ends the nearer counts.</summary>
    private double Fraction()
    {
        double files = total is > 0 ? (double)tally.InputBytes / total.Value : 0;
        double text = maximumBytes is > 0 ? (double)tally.Bytes / maximumBytes.Value : 0;
        return Math.Clamp(Math.Max(files, text), 0, 1);
    }
}
