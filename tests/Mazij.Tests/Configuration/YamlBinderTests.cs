using Mazij.Configuration;

namespace Mazij.Tests.Configuration;

public sealed class YamlBinderTests
{
    private static SampleRecord Bind(string yaml) => YamlBinder.Bind<SampleRecord>(new YamlSource("run.yaml", yaml));

    private static string Refusal(string yaml)
    {
        string message = Assert.Throws<InputException>(() => Bind(yaml)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    [Fact]
    public void Binds_every_kind_of_value()
    {
        SampleRecord record = Bind("""
            # a comment
            name: 'ling: "lite"'
            nickname: 123
            num_experts: 64
            token_count: 1e9
            limit: ~
            rope_theta: 2.4e-4
            dropout: .5
            tie_word_embeddings: true
            colour: dark_blue
            words: [x, "true", 3]
            sizes:
              - 2_000_000
              - 7
            inner: {count: 10, scale: 0.1}
            several:
            - count: 2
            - scale: 3
            """);
        Assert.Equal("ling: \"lite\"", record.Name);
        Assert.Equal("123", record.Nickname);
        Assert.Equal(64, record.Experts);
        Assert.Equal(1_000_000_000L, record.TokenCount);
        Assert.Null(record.Limit);
        Assert.Equal(2.4e-4, record.RopeTheta);
        Assert.Equal(0.5, record.Dropout);
        Assert.True(record.TieWordEmbeddings);
        Assert.Equal(SampleColour.DarkBlue, record.Colour);
        Assert.Equal(["x", "true", "3"], record.Words);
        Assert.Equal([2_000_000, 7], record.Sizes);
        Assert.Equal(new SampleInner { Count = 10, Scale = 0.1f }, record.Inner);
        Assert.Null(record.Optional);
        Assert.Equal([new SampleInner { Count = 2 }, new SampleInner { Scale = 3 }], record.Several);
    }

    [Fact]
    public void Missing_and_empty_keys_keep_defaults()
    {
        SampleRecord record = Bind("inner:\nname: x");
        Assert.Equal(new SampleInner(), record.Inner);
        Assert.Equal(8, record.Experts);
        Assert.Equal(5, record.Limit);
        Assert.Equal(["a"], record.Words);
    }

    [Fact]
    public void Binds_over_given_defaults_and_leaves_them_alone()
    {
        SampleRecord defaults = new() { Experts = 16, Inner = new SampleInner { Count = 7, Scale = 2 } };
        YamlNode node = YamlReader.Read(new YamlSource("run.yaml", "inner: {scale: 9}"));
        SampleRecord record = YamlBinder.Bind(node, defaults);
        Assert.Equal(new SampleInner { Count = 7, Scale = 9 }, record.Inner);
        Assert.Equal(16, record.Experts);
        Assert.Equal(2, defaults.Inner.Scale);
    }

    [Fact]
    public void An_alias_is_another_spelling() => Assert.Equal(4, Bind("n_routed_experts: 4").Experts);

    [Fact]
    public void A_single_text_is_a_list_of_one() => Assert.Equal(["notes.txt"], Bind("words: notes.txt").Words);

    [Theory]
    [InlineData("nam: x", "run.yaml:1:1: nam: unknown key; did you mean name?")]
    [InlineData("inner:\n  cuont: 1", "run.yaml:2:3: inner.cuont: unknown key; did you mean count?")]
    [InlineData("scale: 1", "run.yaml:1:1: scale: unknown key; did you mean inner.scale?")]
    [InlineData("inner: {zzz: 1}", "run.yaml:1:9: inner.zzz: unknown key; the keys here are count, scale")]
    [InlineData("name: x\nname: y", "run.yaml:2:1: name: given twice (first in line 1); keep one")]
    [InlineData("num_experts: 2\nn_routed_experts: 4",
        "run.yaml:2:1: n_routed_experts: num_experts and n_routed_experts are the same key; keep one")]
    [InlineData("num_experts: many", "run.yaml:1:14: num_experts: expected a whole number, found 'many'")]
    [InlineData("num_experts: \"4\"", "run.yaml:1:14: num_experts: expected a whole number, found the text '4'")]
    [InlineData("num_experts: 1.5", "run.yaml:1:14: num_experts: expected a whole number, found '1.5'")]
    [InlineData("num_experts: 1e-40", "run.yaml:1:14: num_experts: expected a whole number, found '1e-40'")]
    [InlineData("num_experts: 3e9",
        "run.yaml:1:14: num_experts: expected a whole number from -2147483648 to 2147483647, found '3e9'")]
    [InlineData("num_experts: 1__0", "run.yaml:1:14: num_experts: expected a whole number, found '1__0'")]
    [InlineData("num_experts: 0x10", "run.yaml:1:14: num_experts: expected a whole number, found '0x10'")]
    [InlineData("num_experts:", "run.yaml:1:13: num_experts: expected a whole number, found nothing")]
    [InlineData("num_experts: [4]", "run.yaml:1:14: num_experts: expected a single value, found a list")]
    [InlineData("token_count: 99999999999999999999999999999999",
        "run.yaml:1:14: token_count: expected a whole number from -9223372036854775808 to 9223372036854775807, " +
        "found '99999999999999999999999999999999'")]
    [InlineData("rope_theta: .inf", "run.yaml:1:13: rope_theta: expected a number, found '.inf'")]
    [InlineData("rope_theta: 1e999", "run.yaml:1:13: rope_theta: expected a number of smaller size, found '1e999'")]
    [InlineData("tie_word_embeddings: yes", "run.yaml:1:22: tie_word_embeddings: expected true or false, found 'yes'")]
    [InlineData("colour: dark_bleu",
        "run.yaml:1:9: colour: expected one of red, dark_blue, off-white, found 'dark_bleu'; did you mean dark_blue?")]
    [InlineData("words: {a: b}", "run.yaml:1:8: words: expected text or a list of texts, found a mapping")]
    [InlineData("sizes: 3", "run.yaml:1:8: sizes: expected a list, found '3'")]
    [InlineData("sizes: [1, x]", "run.yaml:1:12: sizes[1]: expected a whole number, found 'x'")]
    [InlineData("inner: 3", "run.yaml:1:8: inner: expected a mapping of keys, found '3'")]
    [InlineData("several: [{coutn: 1}]", "run.yaml:1:12: several[0].coutn: unknown key; did you mean count?")]
    [InlineData("name: null", "run.yaml:1:7: name: expected text, found nothing")]
    [InlineData("inner: {count: 11}", "run.yaml:1:16: inner.count: 11 is out of range; it must be at least 1 and at most 10")]
    [InlineData("dropout: 0", "run.yaml:1:10: dropout: 0 is out of range; it must be more than 0 and less than 1")]
    [InlineData("sizes: [1, -1]", "run.yaml:1:12: sizes[1]: -1 is out of range; it must be at least 0")]
    [InlineData("num_experts: 3", "run.yaml:1:14: num_experts: is odd")]
    [InlineData("num_experts: 4\ninner: {count: 5}", "run.yaml:2:16: inner.count: is more than num_experts")]
    [InlineData("num_experts: 2", "run.yaml:1:1: inner.count: is more than num_experts")]
    [InlineData("- a", "run.yaml:1:1: expected a mapping of keys, found a list")]
    public void Refusals_name_place_key_and_remedy(string yaml, string message) => Assert.Equal(message, Refusal(yaml));

    [Fact]
    public void Messages_stay_one_short_line_whatever_the_text()
    {
        string message = Refusal("num_experts: \"" + new string('x', 5000) + "\\n\\e\"");
        Assert.InRange(message.Length, 1, 300);
        Assert.DoesNotContain('\u001b', Refusal("colour: \"a\\eb\""));
    }
}
