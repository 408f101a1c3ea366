using Mazij.Cli.LiveView;
using Spectre.Console;

namespace Mazij.Cli.Tests.LiveView;

public sealed class TerminalTraitsTests
{
    [Theory]
    [InlineData("TERM=xterm-256color LANG=en_US.UTF-8", ColorSystemSupport.EightBit, true)]
    [InlineData("TERM=xterm LANG=C.utf8", ColorSystemSupport.Standard, true)]
    [InlineData("TERM=xterm-256color COLORTERM=truecolor LC_ALL=de_DE.UTF-8 LANG=C", ColorSystemSupport.TrueColor, true)]
    [InlineData("TERM=xterm-256color NO_COLOR=1 LANG=C.UTF-8", ColorSystemSupport.NoColors, true)]
    [InlineData("TERM=xterm-256color LANG=C", ColorSystemSupport.EightBit, false)]
    [InlineData("TERM=xterm-256color LC_ALL=C LANG=C.UTF-8", ColorSystemSupport.EightBit, false)]
    [InlineData("TERM=xterm-256color", ColorSystemSupport.EightBit, false)]
    [InlineData("TERM=linux LANG=C.UTF-8", ColorSystemSupport.Standard, false)]
    [InlineData("TERM=vt100 LANG=C.UTF-8", ColorSystemSupport.NoColors, true)]
    public void Follow_from_the_environment(string variables, ColorSystemSupport colors, bool unicode) =>
        Assert.Equal(new TerminalTraits(colors, unicode), TerminalTraits.Of(Environment(variables)));

    [Theory]
    [InlineData("TERM=dumb LANG=C.UTF-8")]
    [InlineData("LANG=C.UTF-8")]
    [InlineData("TERM=unknown")]
    [InlineData("TERM=xterm CI=true")]
    public void Are_none_where_lines_cannot_be_rewritten_or_nobody_watches(string variables) =>
        Assert.Null(TerminalTraits.Of(Environment(variables)));

    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(80, 0, false)]
    [InlineData(20, 24, false)]
    [InlineData(60, 16, true)]
    public void A_terminal_without_room_does_not_hold_the_view(int columns, int rows, bool holds) =>
        Assert.Equal(holds, new TerminalSize(columns, rows).HoldsView);

    private static Dictionary<string, string> Environment(string variables) =>
        variables.Split(' ').Select(variable => variable.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]);
}
