using Mazij.Formats;

namespace Mazij.Tests.Formats;

public sealed class ContainedNameTests
{
    [Theory]
    [InlineData("weights.safetensors")]
    [InlineData("größe 漢字")]
    [InlineData("...")]
    [InlineData("..a")]
    public void A_name_of_a_file_is_plain(string name)
    {
        Assert.True(ContainedName.IsPlain(name));
        Assert.True(ContainedName.IsBelow(name));
        Assert.True(ContainedName.IsBelow("train/" + name));
        Assert.False(ContainedName.IsPlain("train/" + name));
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("../a")]
    [InlineData("a/../../b")]
    [InlineData("/etc/passwd")]
    [InlineData("a//b")]
    [InlineData("a/")]
    [InlineData("..\\a")]
    [InlineData("C:a")]
    [InlineData("a\0b")]
    [InlineData("a\nb")]
    public void A_name_that_leads_elsewhere_somewhere_is_not(string name)
    {
        Assert.False(ContainedName.IsPlain(name));
        Assert.False(ContainedName.IsBelow(name));
    }

    [Fact]
    public void A_name_longer_than_file_systems_know_is_not() => Assert.False(ContainedName.IsPlain(new string('a', 256)));
}
