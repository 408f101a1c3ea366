using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace Mazij.Cli.Tests.Commands;

/// <summary>Real processes that read a pipe: one that nothing disturbs, one that is stopped in the middle and goes on.</summary>
public sealed class InterruptedBuildTests(TinyRun run)
{
    [Theory]
    [InlineData(Signals.Interrupt)]
    [InlineData(Signals.Kill)]
    public async Task A_build_from_a_pipe_goes_on_to_the_same_bits(int signal)
    {
        if (!Signals.Exist)
            Assert.Skip("needs kill(2)");
        using TemporaryFolder folder = new();
        byte[] text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 12_000).Select(
            i => JsonSerializer.Serialize(new { text = $"{i} {TinyRun.Text(3 + (i % 7))}" }) + "\n")));
        string[] build = ["data", "build", "--input", "-", "--tokenizer", run.Model, "--validation-fraction", "0.2", "--out"];
        Assert.Equal(0, Invocation.OfProcess(text, [.. build, folder["whole"]]).ExitCode);

        using (Process process = Start([.. build, folder["data"]]))
        {
            // The pipe holds 64 KiB: the process has read, and is waiting for the rest.
            process.StandardInput.BaseStream.Write(text.AsSpan(0, text.Length / 2));
            process.StandardInput.BaseStream.Flush();
            Signals.Send(process, signal);
            if (signal == Signals.Interrupt)
                Assert.Contains("stopping", await process.StandardError.ReadLineAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
            process.StandardInput.Close();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(signal == Signals.Interrupt ? 130 : 128 + Signals.Kill, process.ExitCode);
        }
        Assert.False(Directory.Exists(folder["data"]), "half a text was taken for a whole one");
        Assert.True(Directory.Exists(folder["data.building"]), "nothing was kept");

        (int code, byte[] output, string errors) = Invocation.OfProcess(text, [.. build, folder["data"]]);
        Assert.Equal((0, ""), (code, errors));
        if (signal == Signals.Interrupt)
            Assert.Contains("going on with an unfinished build after", Encoding.UTF8.GetString(output), StringComparison.Ordinal);
        string[] files = Directory.GetFiles(folder["whole"], "*", SearchOption.AllDirectories);
        Assert.Equal(5, files.Length); // two splits, manifest, tokenizer, its configuration
        foreach (string file in files)
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(folder["data"], Path.GetRelativePath(folder["whole"], file))));
        Assert.Equal(files.Length, Directory.GetFiles(folder["data"], "*", SearchOption.AllDirectories).Length);
        Assert.False(Directory.Exists(folder["data.building"]), "the unfinished build is still there");
    }

    private static Process Start(string[] arguments) => Process.Start(
        new ProcessStartInfo("dotnet", [typeof(CommandLine).Assembly.Location, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
}
