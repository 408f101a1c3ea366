using CsCheck;
using Mazij.Configuration;

namespace Mazij.Tests.Configuration;

public sealed class YamlWriterTests
{
    private static readonly Gen<string> Texts = Gen.OneOf(
        Gen.String,
        Gen.String[Gen.Char["ab:-[]{}&*!|>'\"%@#?,~ \n\t\\0=<\u0085\u2028\uFEFF"]],
        Gen.OneOfConst("", "null", "true", "No", "1e5", "~", " a", "a ", "-", "a: b", "a #b", "\uFFFF",
            "\U0001F600", "-1"));

    private static readonly Gen<SampleInner> Inners =
        Gen.Select(Gen.Int[1, 10], Gen.Float.Where(float.IsFinite),
            (count, scale) => new SampleInner { Count = count, Scale = scale });

    private static readonly Gen<SampleRecord> Records = Gen.Select(
        Gen.Select(Texts, Texts.Null(), Gen.Int[5, 1000], Gen.Long, Gen.Long.Nullable()),
        Gen.Select(
            Gen.Double.Where(double.IsFinite), Gen.Double[0.001, 0.999].Nullable(), Gen.Bool, Gen.Enum<SampleColour>()),
        Gen.Select(Texts.List[0, 4], Gen.Int[0, int.MaxValue].List[0, 4], Inners, Inners.Null(), Inners.List[0, 3]),
        (a, b, c) => new SampleRecord
        {
            Name = a.Item1,
            Nickname = a.Item2,
            Experts = a.Item3 * 2,
            TokenCount = a.Item4,
            Limit = a.Item5,
            RopeTheta = b.Item1,
            Dropout = b.Item2,
            TieWordEmbeddings = b.Item3,
            Colour = b.Item4,
            Words = c.Item1,
            Sizes = c.Item2,
            Inner = c.Item3,
            Optional = c.Item4,
            Several = c.Item5,
        });

    [Fact]
    public void Reading_back_gives_the_same_record() => Records.Sample(record =>
    {
        string yaml = YamlWriter.Write(record);
        SampleRecord back = YamlBinder.Bind<SampleRecord>(new YamlSource("written", yaml));
        Assert.Equal(record.Words, back.Words);
        Assert.Equal(record.Sizes, back.Sizes);
        Assert.Equal(record.Several, back.Several);
        // Lists compare by reference inside a record: put the compared ones back.
        Assert.Equal(record, back with { Words = record.Words, Sizes = record.Sizes, Several = record.Several });
        Assert.Equal(BitConverter.DoubleToInt64Bits(record.RopeTheta), BitConverter.DoubleToInt64Bits(back.RopeTheta));
        Assert.Equal(yaml, YamlWriter.Write(back));
    });

    [Fact]
    public void The_form_is_canonical()
    {
        SampleRecord record = new()
        {
            Name = "true",
            RopeTheta = 1e-8,
            Dropout = 0.1,
            Several = [new SampleInner(), new SampleInner { Scale = 1 }],
            Words = ["plain text", "a: b", "line\nbreak"],
        };
        Assert.Equal("""
            name: "true"
            nickname: null
            num_experts: 8
            token_count: 0
            limit: 5
            rope_theta: 1.0e-08
            dropout: 0.1
            tie_word_embeddings: false
            colour: red
            words: [plain text, "a: b", "line\nbreak"]
            sizes: []
            inner:
              count: 3
              scale: 0.5
            optional: null
            several:
              - count: 3
                scale: 0.5
              - count: 3
                scale: 1.0

            """.ReplaceLineEndings("\n"), YamlWriter.Write(record));
    }

    [Fact]
    public void Characters_that_YAML_forbids_or_that_cannot_be_seen_are_escaped() => Assert.StartsWith(
        "name: \"\\u0000\\u0085\\u2028\\uD800\\uFEFF\\uFFFE\\u000D\"\n",
        YamlWriter.Write(new SampleRecord { Name = "\0\u0085\u2028\uD800\uFEFF\uFFFE\r" }));

    [Fact]
    public void Numbers_that_are_none_are_a_programming_error() =>
        Assert.Throws<ArgumentException>(() => YamlWriter.Write(new SampleRecord { RopeTheta = double.NaN }));
}
