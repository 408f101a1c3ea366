using Mazij.Models;

namespace Mazij.Tests.Models;

/// <summary>Routing in float64 and plain loops, one token at a time, written from the description in
/// tests/fixtures/README.md.</summary>
internal static class PlainRouter
{
    /// <summary>The scores of one token's logits.</summary>
    public static double[] Scores(ModelConfig config, ReadOnlySpan<double> logits)
    {
        double[] scores = new double[logits.Length];
        double highest = double.NegativeInfinity, sum = 0;
        foreach (double logit in logits)
            highest = Math.Max(highest, logit);
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] = config.ScoreFunction == ScoreFunction.Sigmoid ? 1 / (1 + Math.Exp(-logits[i])) : Math.Exp(logits[i] - highest);
            sum += scores[i];
        }
        for (int i = 0; i < scores.Length && config.ScoreFunction == ScoreFunction.Softmax; i++)
            scores[i] /= sum;
        return scores;
    }

    /// <summary>The experts of one token, best first; ties go to the lower number.</summary>
    public static int[] Choose(ModelConfig config, double[] scores, double[]? bias)
    {
        double[] ranking = [.. scores.Select((score, expert) => score + (bias?[expert] ?? 0))];
        int size = config.NumExperts / config.NGroup;
        HashSet<int> kept = [.. Enumerable.Range(0, config.NGroup)
            .OrderByDescending(group => ranking.Skip(group * size).Take(size).OrderDescending().Take(2).Sum())
            .Take(config.TopkGroup)];
        return [.. Enumerable.Range(0, config.NumExperts)
            .Where(expert => config.NGroup == 1 || kept.Contains(expert / size))
            .OrderByDescending(expert => ranking[expert])
            .Take(config.NumExpertsPerTok)];
    }

    /// <summary>The weights of the chosen experts.</summary>
    public static double[] Weigh(ModelConfig config, double[] scores, int[] choices)
    {
        double[] weights = [.. choices.Select(expert => scores[expert])];
        double sum = config.NormTopkProb && choices.Length > 1 ? weights.Sum() : 1;
        return [.. weights.Select(weight => weight / sum * config.RoutedScalingFactor)];
    }

    /// <summary>experts x sum over e of (share of the choices that fell on e) x (mean probability of e).</summary>
    public static double Balance(ModelConfig config, IReadOnlyList<double[]> scores, IReadOnlyList<int[]> choices)
    {
        double result = 0;
        for (int expert = 0; expert < config.NumExperts; expert++)
        {
            double share = choices.Sum(chosen => chosen.Count(c => c == expert)) / (double)(choices.Count * config.NumExpertsPerTok);
            result += share * scores.Average(token => token[expert] / token.Sum());
        }
        return config.NumExperts * result;
    }

    /// <summary>Mean entropy of the scores over their sum, nats.</summary>
    public static double Entropy(IEnumerable<double[]> scores) => scores.Average(token =>
    {
        double sum = token.Sum();
        return token.Sum(score => score == 0 ? 0 : -(score / sum) * Math.Log(score / sum));
    });

    /// <summary>Mean of logsumexp(logits)^2.</summary>
    public static double Z(IEnumerable<double[]> logits) =>
        logits.Average(token => Math.Pow(Math.Log(token.Sum(Math.Exp)), 2));
}
