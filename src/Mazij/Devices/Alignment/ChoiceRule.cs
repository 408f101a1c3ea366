using Mazij.Models;

namespace Mazij.Devices.Alignment;

/// <summary>
/// The router's choice in plain double arithmetic: softmax or sigmoid, a bias that steers, groups ranked by the sum of their two
/// best, the largest scores, of equals the lower number first.
/// </summary>
internal static class ChoiceRule
{
    /// <summary>The choices [tokens, k] of every token, best first.</summary>
    /// <param name="logits">[tokens, experts].</param>
    /// <param name="bias">[experts], or null.</param>
    /// <param name="shape">Experts, groups, score function.</param>
    public static TraceTensor Choose(TraceTensor logits, TraceTensor? bias, ModelConfig shape)
    {
        int tokens = logits.Count / logits.Width, perToken = shape.NumExpertsPerTok;
        long[] choices = new long[tokens * perToken];
        double[] row = new double[logits.Width];
        for (int token = 0; token < tokens; token++)
        {
            for (int expert = 0; expert < row.Length; expert++)
                row[expert] = logits.Floats[token * row.Length + expert];
            int[] chosen = Choose(row, bias, shape);
            for (int k = 0; k < perToken; k++)
                choices[token * perToken + k] = chosen[k];
        }
        return new TraceTensor([tokens, perToken], choices);
    }

    /// <summary>The choices of one token, best first.</summary>
    public static int[] Choose(ReadOnlySpan<double> logits, TraceTensor? bias, ModelConfig shape)
    {
        double[] scores = Scores(logits, shape.ScoreFunction);
        for (int expert = 0; bias is not null && expert < scores.Length; expert++)
            scores[expert] += bias.Floats[expert];
        if (shape.NGroup > 1)
            DropGroups(scores, shape);
        return [.. Best(scores, shape.NumExpertsPerTok)];
    }

    /// <summary>Numbers of each token's choices, put into the order of other choices of the same token; 0 for an expert that is not
    /// among the given ones.</summary>
    /// <param name="order">[tokens, k], the order wanted.</param>
    /// <param name="given">[tokens, k], that of the numbers.</param>
    /// <param name="values">[tokens, k].</param>
    public static TraceTensor InOrderOf(TraceTensor order, TraceTensor given, TraceTensor values)
    {
        int perToken = order.Width;
        float[] ordered = new float[order.Count];
        for (int i = 0; i < ordered.Length; i++)
        {
            int first = i / perToken * perToken, at = given.Integers.Slice(first, perToken).IndexOf(order.Integers[i]);
            ordered[i] = at < 0 ? 0 : values.Floats[first + at];
        }
        return new TraceTensor(values.Type, order.Shape, ordered);
    }

    private static double[] Scores(ReadOnlySpan<double> logits, ScoreFunction function)
    {
        double[] scores = logits.ToArray();
        if (function == ScoreFunction.Sigmoid)
            return [.. scores.Select(logit => 1 / (1 + Math.Exp(-logit)))];
        double largest = scores.Max(), sum = scores.Sum(logit => Math.Exp(logit - largest));
        return [.. scores.Select(logit => Math.Exp(logit - largest) / sum)];
    }

    private static void DropGroups(double[] scores, ModelConfig shape)
    {
        int size = scores.Length / shape.NGroup;
        double[] sums = [.. scores.Chunk(size).Select(group => group.OrderDescending().Take(2).Sum())];
        HashSet<int> kept = [.. Best(sums, shape.TopkGroup)];
        for (int expert = 0; expert < scores.Length; expert++)
        {
            if (!kept.Contains(expert / size))
                scores[expert] = double.NegativeInfinity;
        }
    }

    // OrderByDescending is stable: of equals the lower number comes first.
    private static IEnumerable<int> Best(double[] values, int count) =>
        Enumerable.Range(0, values.Length).OrderByDescending(i => values[i]).Take(count);
}
