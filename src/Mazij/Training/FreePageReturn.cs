using Mazij.Configuration;

namespace Mazij.Training;

/// <summary>
/// When a training returns the heap's free pages. In each micro-batch tensors come to lie in some other places, and what the process has in
/// memory grows by several per cent of the activations, less and less, over some twenty micro-batches. Returned pages are taken again one by one,
/// which takes as long as a tenth of the quickstart's step; so it is done every few seconds only. Whoever has activations computed again
/// pays time for memory already, and gets them returned more often.
/// </summary>
/// <param name="mode">What is computed again.</param>
/// <param name="clock">Tells the time; the system's if null.</param>
internal sealed class FreePageReturn(ActivationCheckpointing mode, TimeProvider? clock = null)
{
    private const long MicroBatches = 16, MicroBatchesIfRecomputed = 4;
    private static readonly TimeSpan shortest = TimeSpan.FromSeconds(10);

    private readonly TimeProvider clock = clock ?? TimeProvider.System;
    private long sinceLast;
    private long? last;

    /// <summary>Whether it is due in the micro-batch that begins; it is in the first. Asked once in each.</summary>
    public bool IsDue()
    {
        sinceLast++;
        bool isDue = last is not long then
            || (mode == ActivationCheckpointing.None
                ? sinceLast >= MicroBatches && clock.GetElapsedTime(then) >= shortest
                : sinceLast >= MicroBatchesIfRecomputed);
        if (isDue)
            (sinceLast, last) = (0, clock.GetTimestamp());
        return isDue;
    }
}
