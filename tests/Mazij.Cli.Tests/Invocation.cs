using System.Diagnostics;
using System.Text.Json;

namespace Mazij.Cli.Tests;

/// <summary>What a command line did.</summary>
internal sealed record Invocation(int ExitCode, string Output, string Errors)
{
    /// <summary>The output as JSON.</summary>
    public JsonElement Json => JsonDocument.Parse(Output).RootElement;

    /// <summary>The names of the JSON object's members.</summary>
    public string[] Keys => [.. Json.EnumerateObject().Select(member => member.Name)];

    /// <summary>Runs a command line in this process.</summary>
    public static Invocation Of(params string[] arguments)
    {
        (TextWriter output, TextWriter errors) = (Console.Out, Console.Error);
        using StringWriter capturedOutput = new(), capturedErrors = new();
        Console.SetOut(capturedOutput);
        Console.SetError(capturedErrors);
        try
        {
            int code = CommandLine.Run(arguments);
            return new Invocation(code, capturedOutput.ToString(), capturedErrors.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(errors);
        }
    }

    /// <summary>As <see cref="Of"/>; fails the test unless the exit code is 0 and standard error is empty.</summary>
    public static Invocation Succeeding(params string[] arguments)
    {
        Invocation invocation = Of(arguments);
        Assert.True(invocation is { ExitCode: 0, Errors: "" }, $"exit code {invocation.ExitCode}: {invocation.Errors}");
        return invocation;
    }

    /// <summary>Runs a command line in a process of its own.</summary>
    public static (int ExitCode, byte[] Output, string Errors) OfProcess(byte[] input, params string[] arguments)
    {
        ProcessStartInfo start = new("dotnet", [typeof(CommandLine).Assembly.Location, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        using MemoryStream output = new();
        Task copying = process.StandardOutput.BaseStream.CopyToAsync(output);
        process.StandardInput.BaseStream.Write(input);
        process.StandardInput.Close();
        copying.GetAwaiter().GetResult();
        process.WaitForExit();
        return (process.ExitCode, output.ToArray(), errors.GetAwaiter().GetResult());
    }

    /// <summary>Fails the test unless this is one clear line about wrong input.</summary>
    public void AssertRefused(params string[] parts)
    {
        Assert.True(ExitCode == 2, $"exit code {ExitCode}: {Errors}");
        string line = Errors.TrimEnd('\r', '\n');
        Assert.StartsWith("mazij: ", line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line);
        foreach (string part in parts)
            Assert.Contains(part, line, StringComparison.Ordinal);
    }
}
