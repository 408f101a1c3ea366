using Mazij.Models;

namespace Mazij.Devices.Alignment;

/// <summary>Which experts two executions chose for the same tokens.</summary>
/// <param name="Choices">Choices compared: tokens times experts of each.</param>
/// <param name="Different">Choices of the first that the second did not make, or made in another order among equal logits.</param>
/// <param name="Ties">Of those, true ties: experts whose logits are nearer to each other than rounding can tell.</param>
/// <param name="WrongOrder">Of those, between logits that are the same bits in both: the rule says the lower number, so there is
/// nothing for rounding to decide.</param>
internal sealed record ChoiceDifference(long Choices, long Different, long Ties, long WrongOrder)
{
    /// <summary>Whether something other than a tie decided.</summary>
    public bool Diverges => Different > Ties;

    /// <summary>Compares choices.</summary>
    /// <param name="a">[tokens, k], of the first execution.</param>
    /// <param name="b">[tokens, k], of the second.</param>
    /// <param name="logits">[tokens, experts], of the first.</param>
    /// <param name="bias">Steers the choice; null for none.</param>
    /// <param name="shape">The router's rule.</param>
    /// <param name="sameLogits">Whether both chose by the same bits.</param>
    /// <param name="tolerance">How far two executions' logits may lie apart.</param>
    /// <param name="leftOut">Tokens that are not compared; null for none. Those that differ are added.</param>
    public static ChoiceDifference Of(
        TraceTensor a, TraceTensor b, TraceTensor logits, TraceTensor? bias, ModelConfig shape, bool sameLogits, double tolerance, bool[]? leftOut)
    {
        int perToken = a.Width, tokens = a.Count / perToken, experts = logits.Width;
        long compared = 0, different = 0, ties = 0, wrongOrder = 0;
        double[] row = new double[experts];
        for (int token = 0; token < tokens; token++)
        {
            if (leftOut?[token] == true)
                continue;
            compared += perToken;
            long[] first = a.Integers.Slice(token * perToken, perToken).ToArray(), second = b.Integers.Slice(token * perToken, perToken).ToArray();
            if (first.SequenceEqual(second))
                continue;
            for (int expert = 0; expert < experts; expert++)
                row[expert] = logits.Floats[token * experts + expert];
            int changed = first.Count(expert => !second.Contains(expert));
            if (sameLogits && IsOrderOfEquals(first, second, row, bias))
            {
                int moved = Enumerable.Range(0, perToken).Count(k => first[k] != second[k]);
                different += moved;
                wrongOrder += moved;
            }
            else if (changed > 0)
            {
                different += changed;
                ties += IsTie(second, row, bias, shape, tolerance) ? changed : 0;
            }
            if (changed > 0 && leftOut is not null)
                leftOut[token] = true;
        }
        return new ChoiceDifference(compared, different, ties, wrongOrder);
    }

    /// <summary>Whether experts stand in other places, and in each place one whose logit, and bias, is the same.</summary>
    private static bool IsOrderOfEquals(long[] first, long[] second, double[] row, TraceTensor? bias)
    {
        for (int k = 0; k < first.Length; k++)
        {
            (long one, long other) = (first[k], second[k]);
            if (row[one] != row[other] || (bias is not null && bias.Floats[(int)one] != bias.Floats[(int)other]))
                return false;
        }
        return true;
    }

    /// <summary>Whether logits that are off by no more than the tolerance lead to these choices: those chosen as high as that, all
    /// others as low.</summary>
    private static bool IsTie(long[] chosen, double[] row, TraceTensor? bias, ModelConfig shape, double tolerance)
    {
        double[] moved = [.. row.Select((logit, expert) => logit + (chosen.Contains(expert) ? tolerance : -tolerance))];
        return ChoiceRule.Choose(moved, bias, shape).Select(expert => (long)expert).Order().SequenceEqual(chosen.Order());
    }
}
