using System.Diagnostics;
using System.Text.Json;
using Mazij.Tests.Data;
using Mazij.Tests.Kernels.Simd;
using Mazij.Tests.Training;

namespace Mazij.Tests.Kernels.Widths;

/// <summary>
/// The kernels' tests on processors with narrower vectors than this one: again, in a process whose runtime is told to use
/// fewer instructions. Which ones it uses is decided before the first line of a program, hence the process.
/// </summary>
[Collection(nameof(QuietTests))]
public sealed class NarrowVectorTests
{
    private static readonly string[] namespaces = ["Mazij.Tests.Kernels", "Mazij.Tests.Kernels.Simd", "Mazij.Tests.Kernels.Tiles"];

    [Theory]
    [InlineData("DOTNET_EnableAVX512", "0")]
    [InlineData("DOTNET_EnableAVX2", "0")]
    [InlineData("DOTNET_EnableHWIntrinsic", "0")]
    [InlineData("ONEDNN_MAX_CPU_ISA", "AVX2")] // No tiles: large products with wide vectors between them.
    public async Task Kernels_are_right_under(string variable, string value)
    {
        using TemporaryFolder folder = new();
        string host = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        ProcessStartInfo info = new(host, [typeof(NarrowVectorTests).Assembly.Location, "-ctrf", folder["results.json"], "-noColor"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string name in namespaces)
        {
            info.ArgumentList.Add("-namespace");
            info.ArgumentList.Add(name);
        }
        info.Environment[variable] = value;
        using Process process = Process.Start(info)!;
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, $"exit code {process.ExitCode}\n{output}\n{await errors}");

        using JsonDocument report = JsonDocument.Parse(await File.ReadAllBytesAsync(folder["results.json"], TestContext.Current.CancellationToken));
        JsonElement results = report.RootElement.GetProperty("results"), summary = results.GetProperty("summary");
        Assert.InRange(summary.GetProperty("passed").GetInt32(), 50, int.MaxValue);
        Assert.Equal(0, summary.GetProperty("failed").GetInt32());
        List<string> passed =
        [
            .. results.GetProperty("tests").EnumerateArray()
                .Where(test => test.GetProperty("status").GetString() == "passed")
                .Select(test => test.GetProperty("name").GetString()!),
        ];
        Assert.Contains(passed, name => name.Contains(nameof(VectorWidthTests), StringComparison.Ordinal));
    }
}
