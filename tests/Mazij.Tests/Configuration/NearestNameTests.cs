using CsCheck;
using Mazij.Configuration;

namespace Mazij.Tests.Configuration;

public sealed class NearestNameTests
{
    [Theory]
    [InlineData("learning_rat", "learning_rate")]
    [InlineData("learnign_rate", "learning_rate")]
    [InlineData("Learning-Rate", "learning_rate")]
    [InlineData("seeed", "seed")]
    [InlineData("bananas", null)]
    [InlineData("", null)]
    public void Finds_what_was_meant_and_nothing_else(string name, string? expected) =>
        Assert.Equal(expected, NearestName.Find(name, ["seed", "learning_rate", "device"]));

    [Theory]
    [InlineData("", "abc", 3)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("ab", "ba", 1)]
    [InlineData("ca", "abc", 3)]
    [InlineData("same", "same", 0)]
    public void Distances_are_the_textbook_ones(string a, string b, int expected) =>
        Assert.Equal(expected, NearestName.Distance(a, b));

    [Fact]
    public void Distance_is_symmetric_and_bounded_by_the_lengths() =>
        Gen.Select(Gen.String["abc"], Gen.String["abc"]).Sample((a, b) =>
        {
            int distance = NearestName.Distance(a, b);
            Assert.Equal(distance, NearestName.Distance(b, a));
            Assert.InRange(distance, Math.Abs(a.Length - b.Length), Math.Max(a.Length, b.Length));
            Assert.Equal(a == b, distance == 0);
        });

    [Fact]
    public void A_name_of_megabytes_costs_nothing() =>
        Assert.Null(NearestName.Find(new string('x', 8_000_000), ["seed", "learning_rate"]));
}
