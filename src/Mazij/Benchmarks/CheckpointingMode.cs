using Mazij.Configuration;
using Mazij.Devices;

namespace Mazij.Benchmarks;

/// <summary>Our training in one mode of activation checkpointing.</summary>
/// <param name="Mode">The mode.</param>
/// <param name="TokensPerSecond">Speed.</param>
/// <param name="RelativeTime">Seconds of a step over those of the mode that keeps everything, round by round.</param>
/// <param name="PeakBytes">The most memory the process had in it.</param>
internal sealed record CheckpointingMode(
    ActivationCheckpointing Mode, Spread TokensPerSecond, Spread RelativeTime, long PeakBytes)
{
    private static readonly ActivationCheckpointing[] modes =
        [ActivationCheckpointing.None, ActivationCheckpointing.Selective, ActivationCheckpointing.Full];

    /// <summary>Measures every mode. Must come before anything else that takes memory.</summary>
    /// <param name="training">The training; left in the mode it came in.</param>
    /// <param name="usual">Its mode.</param>
    /// <param name="batch">What it trains on.</param>
    /// <param name="rounds">How often all modes take their turn.</param>
    /// <param name="cancellation">Ends the measurement before the next step.</param>
    public static IReadOnlyList<CheckpointingMode> Measure(
        ModelTraining training, ActivationCheckpointing usual, RandomBatch batch, int rounds, CancellationToken cancellation)
    {
        const int warmUp = 2;
        Dictionary<ActivationCheckpointing, long> peaks = [];
        Dictionary<ActivationCheckpointing, List<double>> seconds = modes.ToDictionary(mode => mode, _ => new List<double>(rounds));
        // A process's peak only rises, so the mode that needs the least comes first.
        foreach (ActivationCheckpointing mode in modes.Reverse())
        {
            for (int step = 0; step < warmUp; step++)
                Step(mode);
            peaks[mode] = ProcessMemory.Peak();
        }
        for (int round = 0; round < rounds; round++)
        {
            foreach (ActivationCheckpointing mode in modes)
                seconds[mode].Add(Step(mode));
        }
        training.Checkpointing = usual;
        return
        [
            .. modes.Select(mode => new CheckpointingMode(
                mode,
                Spread.Of(seconds[mode].Select(time => batch.Tokens / time)),
                Spread.Of(seconds[mode].Zip(seconds[ActivationCheckpointing.None], (time, fastest) => time / fastest)),
                peaks[mode])),
        ];

        double Step(ActivationCheckpointing mode)
        {
            cancellation.ThrowIfCancellationRequested();
            training.Checkpointing = mode;
            return training.Step(batch).Seconds;
        }
    }
}
