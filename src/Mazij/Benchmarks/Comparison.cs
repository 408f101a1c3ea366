using System.Diagnostics;

namespace Mazij.Benchmarks;

/// <summary>Another way of training on the same number of tokens, measured in turn with the usual one.</summary>
/// <param name="TokensPerSecond">The other's speed.</param>
/// <param name="Speedup">The usual one's speed over the other's, round by round.</param>
internal sealed record Comparison(Spread TokensPerSecond, Spread Speedup)
{
    // An eager model's heap goes on growing, and its pages are touched for the first time, for about as many steps.
    private const int WarmUpRuns = 3;

    /// <summary>Runs both in turn, when the other has run a few times unmeasured.</summary>
    /// <param name="rounds">How often.</param>
    /// <param name="tokens">Tokens of one run.</param>
    /// <param name="usual">Runs the usual one and returns its seconds.</param>
    /// <param name="other">Runs the other.</param>
    /// <param name="cancellation">Ends the comparison before the next run.</param>
    public static Comparison Take(int rounds, int tokens, Func<double> usual, Action other, CancellationToken cancellation)
    {
        double[] seconds = new double[rounds], ratios = new double[rounds];
        for (int run = 0; run < WarmUpRuns; run++)
            Time(other, cancellation);
        for (int round = 0; round < rounds; round++)
        {
            double ours = usual();
            seconds[round] = Time(other, cancellation);
            ratios[round] = seconds[round] / ours;
        }
        return new Comparison(Spread.Of(seconds.Select(time => tokens / time)), Spread.Of(ratios));
    }

    /// <summary>Seconds of a run.</summary>
    public static double Time(Action run, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        long start = Stopwatch.GetTimestamp();
        run();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
