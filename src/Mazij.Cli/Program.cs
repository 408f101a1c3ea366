using System.Text;

namespace Mazij.Cli;

internal static class Program
{
    private static int Main(string[] args)
    {
        // Text is UTF-8 whatever a Windows console was set to; elsewhere it is already.
        if (OperatingSystem.IsWindows())
            Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        // What cannot be said on a vanished terminal must not become another failure.
        Console.SetError(SurvivingWriter.OfStandardError());
        return CommandLine.Run(args);
    }
}
