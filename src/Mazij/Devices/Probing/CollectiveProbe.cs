using System.Diagnostics;
using Mazij.Devices.Profiles;
using Mazij.Distributed.Mpi;

namespace Mazij.Devices.Probing;

/// <summary>Measures exchanges among the processes of an mpirun, over sizes of messages; every process runs it. What arrives is looked
/// at too: rank r gives r + 1.</summary>
/// <param name="mpi">The processes.</param>
/// <param name="quick">Whether few sizes are enough.</param>
internal sealed class CollectiveProbe(OpenMpi mpi, bool quick)
{
    private const int Rounds = 5;
    private const double EnoughSeconds = 0.3;
    private static readonly int[] sizes = [1 << 10, 1 << 14, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26];

    /// <summary>Measures; all ranks get the same result.</summary>
    public CollectiveProfile Run()
    {
        List<CollectiveSample> samples = [];
        foreach (int size in quick ? sizes[..4] : sizes)
        {
            // Divisible by the ranks, so that every piece is equal.
            int numbers = Math.Max(1, size / sizeof(float) / mpi.Ranks) * mpi.Ranks;
            float[] whole = new float[numbers], other = new float[numbers], piece = new float[numbers / mpi.Ranks];
            Array.Fill(whole, mpi.Rank + 1);
            Array.Fill(piece, mpi.Rank + 1);
            long bytes = (long)numbers * sizeof(float);
            float sum = mpi.Ranks * (mpi.Ranks + 1) / 2;
            samples.Add(new CollectiveSample("all_reduce", bytes, Time(() => mpi.AllReduce(whole, other))));
            Check(other, i => sum);
            samples.Add(new CollectiveSample("all_to_all", bytes, Time(() => mpi.AllToAll(whole, other))));
            Check(other, i => i / piece.Length + 1);
            samples.Add(new CollectiveSample("all_gather", bytes, Time(() => mpi.AllGather(piece, other))));
            Check(other, i => i / piece.Length + 1);
            samples.Add(new CollectiveSample("reduce_scatter", bytes, Time(() => mpi.ReduceScatter(whole, piece))));
            Check(piece, i => sum);
        }
        int hosts = mpi.Gather(StableHash.Of(0, mpi.Host)).Distinct().Count();
        return new CollectiveProfile(mpi.Version, mpi.Ranks, hosts, samples);
    }

    private static void Check(float[] arrived, Func<int, float> expected)
    {
        for (int i = 0; i < arrived.Length; i++)
        {
            if (arrived[i] != expected(i))
                throw new InvalidOperationException($"An exchange brought {arrived[i]} in the place of {expected(i)}.");
        }
    }

    /// <summary>Seconds of one exchange: in each round that of the slowest rank, of the rounds the fastest.</summary>
    private double Time(Action exchange)
    {
        exchange();
        double fastest = double.MaxValue, all = 0;
        // All ranks see the same sum of times, so all stop at the same round.
        for (int i = 0; i < Rounds && (i == 0 || all < EnoughSeconds); i++)
        {
            mpi.Barrier();
            long start = Stopwatch.GetTimestamp();
            exchange();
            double slowest = mpi.Gather(Stopwatch.GetElapsedTime(start).TotalSeconds).Max();
            all += slowest;
            fastest = Math.Min(fastest, slowest);
        }
        return fastest;
    }
}
