using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Mazij.Kernels.Simd;

/// <summary>
/// The experts of one token: those with the largest p + bias, best first, of equals the lower number; with groups, from the
/// groups alone whose two best have the largest sum. Numbers are compared by integer keys of the same order, in which a NaN
/// is the largest, so that it is never hidden, and "taken" the smallest.
/// </summary>
/// <param name="rule">How many experts, groups and choices.</param>
/// <param name="bias">[experts]; null for none.</param>
internal readonly unsafe struct RoutingChoice(RoutingRule rule, float* bias)
{
    private const int Taken = int.MinValue;

    private readonly int experts = rule.Experts, perToken = rule.PerToken, groups = rule.Groups, keptGroups = rule.KeptGroups;
    private readonly long padded = RoutingScores.Padded(rule.Experts), paddedGroups = RoutingScores.Padded(rule.Groups);

    /// <summary>Numbers of scratch memory that <see cref="Choose"/> needs.</summary>
    public long ScratchNumbers => 2 * padded + 2 * paddedGroups;

    /// <summary>Chooses.</summary>
    /// <param name="scores">p, padded as <see cref="RoutingScores"/> does.</param>
    /// <param name="scratch">Memory for <see cref="ScratchNumbers"/> numbers.</param>
    /// <param name="choices">Written: the experts' numbers.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Choose(float* scores, float* scratch, long* choices)
    {
        float* ranking = scores;
        if (bias is not null)
        {
            ranking = scratch;
            for (long j = 0; j < experts; j += ILanes.Width)
                (Vector512.Load(scores + j) + RoutingScores.Load(bias, j, experts, 0)).Store(ranking + j);
        }
        int* keys = (int*)scratch + padded;
        WriteKeys(ranking, experts, padded, keys);
        if (groups > 1)
            KeepBestGroups(ranking, keys, scratch + 2 * padded);
        for (int k = 0; k < perToken; k++)
            choices[k] = TakeLargest(keys, padded);
    }

    private void KeepBestGroups(float* ranking, int* keys, float* scratch)
    {
        int size = experts / groups;
        int* groupKeys = (int*)scratch + paddedGroups;
        for (int group = 0; group < groups; group++)
            scratch[group] = SumOfTwoBest(ranking + group * size, size);
        for (long group = groups; group < paddedGroups; group++)
            scratch[group] = 0;
        WriteKeys(scratch, groups, paddedGroups, groupKeys);
        for (int i = 0; i < keptGroups; i++)
            _ = TakeLargest(groupKeys, paddedGroups);
        for (int group = 0; group < groups; group++)
        {
            if (groupKeys[group] != Taken)
                new Span<int>(keys + group * size, size).Fill(Taken);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteKeys(float* numbers, long count, long paddedCount, int* keys)
    {
        for (long j = 0; j < count; j += ILanes.Width)
        {
            // A negative number's bits, all but the sign turned over, grow as the number does.
            Vector512<float> number = Vector512.Load(numbers + j);
            Vector512<int> bits = number.AsInt32();
            Vector512<int> ordered = bits ^ (Vector512.ShiftRightArithmetic(bits, 31) & Vector512.Create(int.MaxValue));
            Vector512.ConditionalSelect(
                Vector512.Equals(number, number).AsInt32(), ordered, Vector512.Create(int.MaxValue)).Store(keys + j);
        }
        for (long j = count; j < paddedCount; j++)
            keys[j] = Taken;
    }

    /// <summary>The place of the first of the largest keys, which is taken out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long TakeLargest(int* keys, long count)
    {
        Vector512<int> lanes = Vector512.Load(keys);
        for (long j = ILanes.Width; j < count; j += ILanes.Width)
            lanes = Vector512.Max(lanes, Vector512.Load(keys + j));
        Vector256<int> eight = Vector256.Max(lanes.GetLower(), lanes.GetUpper());
        Vector128<int> four = Vector128.Max(eight.GetLower(), eight.GetUpper());
        int largest = Math.Max(Math.Max(four[0], four[1]), Math.Max(four[2], four[3]));
        long begin = 0;
        ulong places;
        while ((places = Vector512.Equals(Vector512.Load(keys + begin), Vector512.Create(largest)).ExtractMostSignificantBits()) == 0)
            begin += ILanes.Width;
        long place = begin + BitOperations.TrailingZeroCount(places);
        keys[place] = Taken;
        return place;
    }

    /// <summary>Each lane keeps its two best; then halves are joined until one lane is left.</summary>
    private static float SumOfTwoBest(float* numbers, int count)
    {
        float first = float.NegativeInfinity, second = first;
        int j = 0;
        if (count >= ILanes.Width)
        {
            Vector512<float> best = Vector512.Create(first), next = best;
            for (; j + ILanes.Width <= count; j += ILanes.Width)
            {
                Vector512<float> number = Vector512.Load(numbers + j);
                next = Vector512.Max(next, Vector512.Min(best, number));
                best = Vector512.Max(best, number);
            }
            Vector256<float> best8 = Vector256.Max(best.GetLower(), best.GetUpper());
            Vector256<float> next8 = Vector256.Max(
                Vector256.Min(best.GetLower(), best.GetUpper()), Vector256.Max(next.GetLower(), next.GetUpper()));
            Vector128<float> best4 = Vector128.Max(best8.GetLower(), best8.GetUpper());
            Vector128<float> next4 = Vector128.Max(
                Vector128.Min(best8.GetLower(), best8.GetUpper()), Vector128.Max(next8.GetLower(), next8.GetUpper()));
            for (int lane = 0; lane < 4; lane++)
            {
                second = MathF.Max(second, MathF.Max(next4[lane], MathF.Min(first, best4[lane])));
                first = MathF.Max(first, best4[lane]);
            }
        }
        for (; j < count; j++)
        {
            second = MathF.Max(second, MathF.Min(first, numbers[j]));
            first = MathF.Max(first, numbers[j]);
        }
        return first + second;
    }
}
