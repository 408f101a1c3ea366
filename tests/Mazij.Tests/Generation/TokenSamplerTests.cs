using CsCheck;
using Mazij.Generation;

namespace Mazij.Tests.Generation;

public sealed class TokenSamplerTests
{
    // Few distinct values, so that ties are common.
    private static readonly Gen<float[]> logits = Gen.Int[-8, 8].Select(value => value / 2f).Array[1, 60];

    [Fact]
    public void Temperature_zero_takes_the_likeliest_id_and_of_equals_the_smallest() => logits.Sample(values =>
    {
        float best = values.Max();
        Assert.Equal(Array.IndexOf(values, best), new TokenSampler(new SamplingOptions(), values.Length).Next(values));
    });

    [Fact]
    public void Only_ids_of_the_top_k_and_the_nucleus_are_drawn() =>
        Gen.Select(logits, Gen.Int[0, 12], Gen.Double[0.01, 1], Gen.Double[0.1, 3], Gen.Long).Sample((values, topK, topP, temperature, seed) =>
        {
            SamplingOptions options = new() { Temperature = temperature, TopK = topK, TopP = topP, Seed = seed };
            HashSet<int> allowed = Allowed(values, options);
            TokenSampler sampler = new(options, values.Length);
            for (int draw = 0; draw < 20; draw++)
                Assert.Contains(sampler.Next(values), allowed);
        });

    [Fact]
    public void A_seed_decides_every_draw() => Gen.Select(logits, Gen.Long).Sample((values, seed) =>
    {
        SamplingOptions options = new() { Temperature = 1, TopP = 0.8, Seed = seed };
        TokenSampler one = new(options, values.Length), other = new(options, values.Length);
        for (int draw = 0; draw < 10; draw++)
            Assert.Equal(one.Next(values), other.Next(values));
    });

    [Theory]
    [InlineData(0, 1.0)]
    [InlineData(3, 1.0)]
    [InlineData(0, 0.75)]
    public void Frequencies_follow_the_distribution(int topK, double topP)
    {
        const int draws = 200_000;
        float[] values = [0.5f, -1, 1.5f, 0, 1, float.NegativeInfinity];
        SamplingOptions options = new() { Temperature = 0.8, TopK = topK, TopP = topP, Seed = 7 };
        HashSet<int> allowed = Allowed(values, options);
        double total = allowed.Sum(id => Math.Exp(values[id] / options.Temperature));
        int[] counts = new int[values.Length];
        TokenSampler sampler = new(options, values.Length);
        for (int draw = 0; draw < draws; draw++)
            counts[sampler.Next(values)]++;
        for (int id = 0; id < values.Length; id++)
        {
            double expected = allowed.Contains(id) ? Math.Exp(values[id] / options.Temperature) / total : 0;
            // Five standard deviations of a binomial count.
            double tolerance = 5 * Math.Sqrt(expected * (1 - expected) / draws);
            Assert.InRange(counts[id] / (double)draws, expected - tolerance, expected + tolerance);
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Logits_that_are_not_numbers_are_refused(float value)
    {
        foreach (double temperature in new[] { 0.0, 1.0 })
        {
            TokenSampler sampler = new(new SamplingOptions { Temperature = temperature }, 3);
            Assert.Throws<InputException>(() => sampler.Next([0, value, 1]));
        }
    }

    /// <summary>By a plain sort: the top-k, then the shortest prefix that reaches the share top-p of their mass.</summary>
    private static HashSet<int> Allowed(float[] values, SamplingOptions options)
    {
        IEnumerable<int> ranked = Enumerable.Range(0, values.Length).OrderByDescending(id => values[id]).ThenBy(id => id);
        if (options.TopK > 0)
            ranked = ranked.Take(options.TopK);
        int[] order = [.. ranked];
        double Weight(int id) => Math.Exp((values[id] - values[order[0]]) / options.Temperature);
        double total = order.Sum(Weight), mass = 0;
        HashSet<int> allowed = [];
        foreach (int id in order)
        {
            // Rounding may let one more id in.
            if (mass >= options.TopP * total * (1 + 1e-6))
                break;
            allowed.Add(id);
            mass += Weight(id);
        }
        return allowed;
    }
}
