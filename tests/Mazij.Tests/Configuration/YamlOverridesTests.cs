using Mazij.Configuration;

namespace Mazij.Tests.Configuration;

public sealed class YamlOverridesTests
{
    private static SampleRecord Bind(string yaml, params string[] sets) => YamlBinder.Bind(
        YamlOverrides.Apply(YamlReader.Read(new YamlSource("run.yaml", yaml)), sets), new SampleRecord());

    [Fact]
    public void Overrides_replace_add_and_win_in_order()
    {
        SampleRecord record = Bind(
            "name: a\ninner: {count: 2}", "inner.count=4", "inner.scale=1e-2", "optional.count=9", "name=b", "name=c d",
            "words=[x, 'y, z']", "limit=", "nickname=a=b");
        Assert.Equal(new SampleInner { Count = 4, Scale = 0.01f }, record.Inner);
        Assert.Equal(9, record.Optional?.Count);
        Assert.Equal("c d", record.Name);
        Assert.Equal(["x", "y, z"], record.Words);
        Assert.Null(record.Limit);
        Assert.Equal("a=b", record.Nickname);
    }

    [Fact]
    public void An_override_wins_over_another_spelling_in_the_file()
    {
        Assert.Equal(4, Bind("num_experts: 6", "n_routed_experts=4").Experts);
        Assert.Equal(4, Bind("n_routed_experts: 6", "num_experts=4").Experts);
        Assert.Equal(6, Bind("name: a", "num_experts=8", "n_routed_experts=4", "num_experts=6").Experts);
    }

    [Theory]
    [InlineData("inner.count", "--set inner.count: write it as key=value, for example training.seed=7")]
    [InlineData("=3", "--set =3: the key must be names joined by dots, for example training.seed=7")]
    [InlineData("inner..count=3", "--set inner..count=3: the key must be names joined by dots, for example training.seed=7")]
    [InlineData("inner.count=x", "--set inner.count=x: inner.count: expected a whole number, found 'x'")]
    [InlineData("inner.cuont=3", "--set inner.cuont=3: inner.cuont: unknown key; did you mean count?")]
    [InlineData("inner.count=0", "--set inner.count=0: inner.count: 0 is out of range; it must be at least 1 and at most 10")]
    [InlineData("name.first=x", "--set name.first=x: name: is 'a', which has no keys to set")]
    [InlineData("sizes=[1, x]", "--set sizes=[1, x]: sizes[1]: expected a whole number, found 'x'")]
    [InlineData("inner={count: 3}",
        "--set inner={count: 3}: the value is a mapping; set each of its keys by an option of its own, or quote the text")]
    public void Refusals_name_the_override(string set, string message) =>
        Assert.Equal(message, Assert.Throws<InputException>(() => Bind("name: a", set)).Message);

    [Fact]
    public void A_value_that_is_not_YAML_is_refused_with_the_override()
    {
        string message = Assert.Throws<InputException>(() => Bind("name: a", "sizes=[1")).Message;
        Assert.StartsWith("--set sizes=[1: not valid YAML: ", message);
    }
}
