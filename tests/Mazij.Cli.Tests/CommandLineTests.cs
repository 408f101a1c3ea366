using System.Text;

namespace Mazij.Cli.Tests;

public sealed class CommandLineTests
{
    public static TheoryData<string> Commands =>
    [
        "train", "generate", "score", "inspect", "data build", "data stats", "tokenizer train", "tokenizer encode", "tokenizer decode",
        "devices list", "bench train", "bench kernels",
    ];

    [Fact]
    public void The_bare_command_shows_help()
    {
        Invocation invocation = Invocation.Succeeding();
        Assert.Contains("mazij [command] [options]", invocation.Output, StringComparison.Ordinal);
        Assert.Contains("generate", invocation.Output, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Every_command_has_help_with_its_name(string command)
    {
        Invocation invocation = Invocation.Succeeding([.. command.Split(' '), "--help"]);
        Assert.Contains($"mazij {command}", invocation.Output, StringComparison.Ordinal);
        Assert.Contains("Example: mazij " + command, invocation.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_version_is_that_of_the_program()
    {
        (int code, byte[] output, string errors) = Invocation.OfProcess([], "--version");
        Assert.Equal((0, ""), (code, errors));
        Assert.StartsWith("0.", Encoding.UTF8.GetString(output), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("trian", "'trian'", "did you mean train?")]
    [InlineData("data bild", "did you mean build?")]
    [InlineData("data", "build, stats")]
    [InlineData("generate", "MODEL is missing")]
    [InlineData("generate x --promt y", "--promt", "did you mean --prompt?")]
    [InlineData("generate --promt y x", "--promt", "did you mean --prompt?")]
    [InlineData("generate x --prompt", "--prompt needs a value")]
    [InlineData("generate x --prompt a --prompt b", "--prompt", "more than once")]
    [InlineData("generate x --prompt a --max-tokens many", "--max-tokens is 'many'", "whole number")]
    [InlineData("generate x --prompt a --temperature hot", "--temperature is 'hot'", "number")]
    [InlineData("train a.yaml b.yaml", "'b.yaml'", "too many")]
    [InlineData("train --sett a=b", "--sett", "did you mean --set?")]
    [InlineData("train --steps 3", "--steps")]
    [InlineData("data build --input a", "--out", "missing")]
    [InlineData("data build --input --out b", "--out stands where a value belongs")]
    [InlineData("data build --out b --input a --treads 2", "--treads", "did you mean --threads?")]
    [InlineData("tokenizer encode", "TOKENIZER is missing")]
    [InlineData("inspect", "is missing")]
    public void A_wrong_command_line_is_one_line(string line, params string[] parts) =>
        Invocation.Of(line.Split(' ')).AssertRefused([.. parts, "--help)"]);

    [Fact]
    public void A_real_process_says_the_same_with_the_same_exit_code()
    {
        (int code, byte[] output, string errors) = Invocation.OfProcess([], "inspect", "ling-lit");
        Assert.Equal(2, code);
        Assert.Empty(output);
        Assert.Equal(Invocation.Of("inspect", "ling-lit").Errors, errors);
    }
}
