namespace Mazij.Generation;

/// <summary>
/// Draws token ids from logits: softmax(z / temperature) over the top-k and then the top-p nucleus. Ties are broken by the
/// smaller id, and draws come from a generator of our own, so that a seed gives the same text on every platform.
/// </summary>
internal sealed class TokenSampler
{
    private readonly SamplingOptions options;
    private readonly int[] heap;
    private readonly float[] weights;
    private ulong state;

    public TokenSampler(SamplingOptions options, int vocabularySize)
    {
        this.options = options;
        heap = new int[vocabularySize];
        weights = new float[vocabularySize];
        state = (ulong)options.Seed;
    }

    /// <summary>The next id.</summary>
    /// <param name="logits">One for each id.</param>
    /// <exception cref="InputException">A logit is not a number: the weights are damaged.</exception>
    public int Next(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int id = 0; id < logits.Length; id++)
        {
            if (float.IsNaN(logits[id]))
                throw NotNumbers();
            if (logits[id] > logits[best])
                best = id;
        }
        float highest = logits[best];
        if (!float.IsFinite(highest))
            throw NotNumbers();
        return options.Temperature == 0 ? best : Draw(logits, highest);
    }

    private int Draw(ReadOnlySpan<float> logits, float highest)
    {
        double total = 0;
        for (int id = 0; id < logits.Length; id++)
            total += weights[id] = (float)Math.Exp((logits[id] - highest) / options.Temperature);
        int most = options.TopK > 0 ? Math.Min(options.TopK, logits.Length) : logits.Length;
        if (most == logits.Length && options.TopP == 1)
            return DrawFromAll(NextUnit() * total);

        // The nucleus is a few ids of many: a heap yields them, likeliest first, without sorting the rest.
        BuildHeap(logits);
        int popped = 0;
        if (most < logits.Length)
        {
            for (total = 0; popped < most; popped++)
                total += weights[Pop(logits, popped)];
        }
        double wanted = options.TopP * total, mass = 0;
        int taken = 0;
        while (taken < most && (taken == 0 || mass < wanted))
        {
            if (taken == popped)
                Pop(logits, popped++);
            mass += weights[heap[^++taken]];
        }
        double target = NextUnit() * mass;
        for (int i = 1; i < taken; i++)
        {
            target -= weights[heap[^i]];
            if (target < 0)
                return heap[^i];
        }
        return heap[^taken];
    }

    private int DrawFromAll(double target)
    {
        int last = 0;
        for (int id = 0; id < weights.Length; id++)
        {
            if (weights[id] == 0)
                continue;
            last = id;
            target -= weights[id];
            if (target < 0)
                break;
        }
        return last;
    }

    private void BuildHeap(ReadOnlySpan<float> logits)
    {
        for (int id = 0; id < heap.Length; id++)
            heap[id] = id;
        for (int node = (heap.Length / 2) - 1; node >= 0; node--)
            SiftDown(logits, node, heap.Length);
    }

    /// <summary>Takes the likeliest id left; the i-th taken ends up at heap[^i].</summary>
    private int Pop(ReadOnlySpan<float> logits, int popped)
    {
        int last = heap.Length - popped - 1;
        (heap[0], heap[last]) = (heap[last], heap[0]);
        SiftDown(logits, 0, last);
        return heap[last];
    }

    private void SiftDown(ReadOnlySpan<float> logits, int node, int size)
    {
        int moving = heap[node];
        for (int child = (2 * node) + 1; child < size; child = (2 * node) + 1)
        {
            if (child + 1 < size && IsLikelier(logits, heap[child + 1], heap[child]))
                child++;
            if (!IsLikelier(logits, heap[child], moving))
                break;
            heap[node] = heap[child];
            node = child;
        }
        heap[node] = moving;
    }

    // A total order: equal logits stay in the order of their ids.
    private static bool IsLikelier(ReadOnlySpan<float> logits, int a, int b) =>
        logits[a] > logits[b] || (logits[a] == logits[b] && a < b);

    private static InputException NotNumbers() =>
        new("the model's logits are not numbers; its weights are damaged or its training diverged");

    /// <summary>SplitMix64 (Steele, Lea, Flood 2014), the upper 53 bits as a number in [0, 1).</summary>
    private double NextUnit()
    {
        ulong z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        return (z >> 11) * (1.0 / (1UL << 53));
    }
}
