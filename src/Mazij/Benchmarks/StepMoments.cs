using System.Diagnostics;
using Mazij.Models;

namespace Mazij.Benchmarks;

/// <summary>Notes when a step's forward pass begins, when it reaches the head, and when each half of the backward pass is
/// done.</summary>
/// <param name="lastGroup">The group of the final norm and the head.</param>
internal sealed class StepMoments(int lastGroup) : IGroupListener
{
    private long forward, head, backward, end;

    /// <summary>Seconds of the embedding and the layers forward.</summary>
    public double ForwardSeconds => Stopwatch.GetElapsedTime(forward, head).TotalSeconds;

    /// <summary>Seconds of the head, both ways; 0 where it shares the embedding's weight, and counts as backward.</summary>
    public double HeadSeconds => Stopwatch.GetElapsedTime(head, backward).TotalSeconds;

    /// <summary>Seconds from there to the last gradient.</summary>
    public double BackwardSeconds => Stopwatch.GetElapsedTime(backward, end).TotalSeconds;

    /// <inheritdoc/>
    public void BeforeForward(int group)
    {
        long now = Stopwatch.GetTimestamp();
        if (group == 0)
            (forward, backward) = (now, 0);
        if (group == lastGroup)
            head = now;
    }

    /// <inheritdoc/>
    public void GradientsComplete(int group)
    {
        end = Stopwatch.GetTimestamp();
        if (backward == 0)
            backward = group == lastGroup ? end : head;
    }
}
