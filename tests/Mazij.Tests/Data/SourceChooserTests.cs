using CsCheck;
using Mazij.Data;

namespace Mazij.Tests.Data;

public sealed class SourceChooserTests
{
    private static readonly Gen<double[]> weights =
        Gen.Double[0.001, 1].Array[1, 8].Select(drawn => drawn.Select(weight => weight / drawn.Sum()).ToArray());

    [Fact]
    public void After_any_number_of_samples_each_source_has_its_share_to_within_one_sample()
    {
        weights.Sample(
            shares =>
            {
                SourceChooser chooser = new(new double[shares.Length]);
                int[] given = new int[shares.Length];
                for (int drawn = 1; drawn <= 2000; drawn++)
                {
                    given[chooser.Next(shares)]++;
                    for (int source = 0; source < shares.Length; source++)
                        Assert.InRange(given[source] - (drawn * shares[source]), -1, 1);
                }
            },
            iter: 60);
    }

    [Fact]
    public void Shares_that_change_are_followed_to_within_two_samples_and_a_source_without_weight_gives_none()
    {
        Gen.Select(weights, Gen.Select(Gen.Int[0, 7], Gen.Int[1, 50]).Array[1, 20]).Sample(
            (shares, changes) =>
            {
                SourceChooser chooser = new(new double[shares.Length]);
                double[] due = new double[shares.Length];
                foreach ((int without, int samples) in changes)
                {
                    double[] now = [.. shares];
                    if (shares.Length > 1)
                        now[without % shares.Length] = 0;
                    double sum = now.Sum();
                    now = [.. now.Select(share => share / sum)];
                    for (int i = 0; i < samples; i++)
                    {
                        int chosen = chooser.Next(now);
                        Assert.True(now[chosen] > 0);
                        for (int source = 0; source < now.Length; source++) due[source] += now[source];
                        due[chosen]--;
                        Assert.All(due, credit => Assert.InRange(credit, -2, 2));
                    }
                }
            },
            iter: 100);
    }

    [Fact]
    public void From_the_same_credits_the_choice_goes_on_the_same()
    {
        double[] shares = [0.62, 0.25, 0.13];
        SourceChooser whole = new(new double[3]);
        for (int i = 0; i < 77; i++) whole.Next(shares);
        SourceChooser resumed = new(whole.Credits.ToArray());
        for (int i = 0; i < 300; i++) Assert.Equal(whole.Next(shares), resumed.Next(shares));
    }
}
