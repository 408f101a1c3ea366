using Xunit;

namespace Mazij.Cli.Tests;

public sealed class ProgramTests
{
    [Fact]
    public void The_command_is_called_mazij() =>
        Assert.Equal("Mazij.Cli", typeof(Program).Assembly.GetName().Name);
}
