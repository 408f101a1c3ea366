using Mazij.Training.Reports;

namespace Mazij.Tests.Training.Reports;

public sealed class MarkdownTextTests
{
    [Theory]
    [InlineData("bailing_moe", "bailing_moe")]
    [InlineData("a|b", "a\\|b")]
    [InlineData("_x_ *y* `z`", "\\_x_ \\*y\\* \\`z\\`")]
    [InlineData("<script>", "\\<script>")]
    [InlineData("two\nlines", "two\\\\u000alines")]
    public void A_cell_is_one_line_of_plain_text(string text, string expected) => Assert.Equal(expected, MarkdownText.Cell(text));

    [Theory]
    [InlineData("plain", "```text\nplain\n```\n")]
    [InlineData("a\r\nb\n\n", "```text\na\nb\n```\n")]
    [InlineData("```\n# no heading\n````", "`````text\n```\n# no heading\n````\n`````\n")]
    public void A_block_is_closed_by_its_own_fence_only(string text, string expected) => Assert.Equal(expected, MarkdownText.Block(text));
}
