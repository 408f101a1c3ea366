using System.Text;
using CsCheck;
using Mazij.Configuration;
using Mazij.Tests.Data;

namespace Mazij.Tests.Configuration;

public sealed class YamlReaderTests
{
    private static string Refusal(string yaml)
    {
        string message = Assert.Throws<InputException>(() => YamlReader.Read(new YamlSource("run.yaml", yaml))).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    [Theory]
    [InlineData("", "run.yaml: is empty; write at least one key")]
    [InlineData("# only a comment\n", "run.yaml: is empty; write at least one key")]
    [InlineData("a: &x 1\nb: *x", "run.yaml:1:4: a: anchors (&name) are not supported; write the value out where it is needed")]
    [InlineData("a: *x", "run.yaml:1:4: a: aliases (*name) are not supported; write the value out")]
    [InlineData("a: !!python/object 1", "run.yaml:1:4: a: tags (tag:yaml.org,2002:python/object) are not supported; remove it")]
    [InlineData("a: 1\n---\nb: 2", "run.yaml:2:1: a second document starts here; one file holds one document")]
    [InlineData("a:\n\tb: 1", "run.yaml:2:1: this line is indented with a tab; YAML wants spaces")]
    [InlineData("? [a]\n: 1", "run.yaml:1:3: a key must be a name")]
    [InlineData("'': 1", "run.yaml:1:1: a key must be a name")]
    public void Refusals_name_the_place(string yaml, string message) => Assert.Equal(message, Refusal(yaml));

    [Theory]
    [InlineData("a: [1, 2")]
    [InlineData("a: {b")]
    [InlineData("a: 'open")]
    [InlineData("a: b: c")]
    [InlineData("%YAML 99999999999999999999.1\n---\na: 1")]
    [InlineData("a: @b")]
    [InlineData("a: \"\\uD8\"")]
    public void Malformed_text_is_refused_with_a_line(string yaml) =>
        Assert.Matches(@"^run\.yaml:\d+:\d+: not valid YAML: ", Refusal(yaml));

    [Fact]
    public void Deep_nesting_is_refused_at_once()
    {
        Assert.Contains("nested more than 32 deep", Refusal("a: " + new string('[', 10_000_000)));
        Assert.Contains("nested more than 32 deep", Refusal(string.Concat(Enumerable.Repeat("- ", 100_000))));
        Assert.Contains("nested more than 32 deep", Refusal(string.Concat(Enumerable.Repeat("{a: ", 100_000))));
    }

    [Fact]
    public void Files_that_are_not_run_files_are_refused()
    {
        using TemporaryFolder folder = new();
        string path = folder["run.yaml"];
        string Refused(byte[] bytes)
        {
            File.WriteAllBytes(path, bytes);
            return Assert.Throws<InputException>(() => YamlSource.FromFile(path)).Message;
        }
        string Unreadable(string name) => Assert.Throws<InputException>(() => YamlSource.FromFile(name)).Message;

        Assert.Equal($"{path}: byte 3 is 0x00, a control character; this is not a text file", Refused([97, 58, 32, 0]));
        Assert.Equal(
            $"{path}: byte 3 is not valid UTF-8; save the file as UTF-8 text", Refused([97, 58, 32, 0xff]));
        Assert.Contains("is larger than 1024 KiB", Refused(new byte[YamlSource.MaximumBytes + 1]));
        Assert.Contains("this is a folder", Unreadable(folder.Root));
        Assert.Contains("there is no such file", Unreadable(path + ".missing"));
        File.WriteAllBytes(path, [0xef, 0xbb, 0xbf, .. "a: 1"u8]);
        Assert.Equal("a: 1", YamlSource.FromFile(path).Text);
    }

    [Fact]
    public void Random_text_is_read_or_refused_and_nothing_else() =>
        Gen.String[Gen.Char["ab:-[]{}&*!|>'\"%@#?,~ \n\t\\0=<"], 0, 40].Sample(
            text =>
            {
                try
                {
                    YamlReader.Read(new YamlSource("run.yaml", text));
                }
                catch (InputException e)
                {
                    Assert.DoesNotContain('\n', e.Message);
                }
            },
            iter: 20_000);

    [Fact]
    public void A_full_sized_file_of_long_paths_costs_little_memory()
    {
        StringBuilder text = new();
        string key = new('k', 1000);
        for (int i = 0; i < 10; i++)
            text.Append(key).Append(": {");
        text.Append("a: [").AppendJoin(',', Enumerable.Repeat("1", 200_000)).Append(']').Append('}', 10);
        long before = GC.GetAllocatedBytesForCurrentThread();
        YamlReader.Read(new YamlSource("run.yaml", text.ToString()));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000_000);
    }
}
