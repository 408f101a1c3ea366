using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using System.Text.Json;
using Mazij.Data;
using Mazij.Formats;
using Mazij.Text.Tokenizers;

namespace Mazij.Training.Reports;

/// <summary>What <c>xz -9</c> makes of the validation text that gzip was measured on, or why that is not known.</summary>
/// <param name="BitsPerByte">Compressed bits per byte of text; null if not measured.</param>
/// <param name="Reason">Why not; null if measured.</param>
internal sealed record XzBaseline(double? BitsPerByte, string? Reason)
{
    /// <summary>Seconds that the end of a run waits for the measurement of all its sources.</summary>
    public const int RunSeconds = 30;

    /// <summary>What an earlier measurement of the same data found, or null.</summary>
    public static XzBaseline? Known(SourceData data, string cacheFolder)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(CacheFile(data, cacheFolder)));
            return json.RootElement.GetProperty("bits_per_byte").GetDouble() is > 0 and var bits ? new XzBaseline(bits, null) : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException
            or KeyNotFoundException or FormatException)
        {
            return null;
        }
    }

    /// <summary>Measures with the system's xz, in one thread, and keeps the result in the cache folder.</summary>
    /// <param name="data">The data.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="cacheFolder">Where the result is kept.</param>
    /// <param name="limit">How long it may take.</param>
    public static XzBaseline Measure(SourceData data, BpeTokenizer tokenizer, string cacheFolder, TimeSpan limit)
    {
        long wanted = data.Dataset.Manifest.Gzip.TextBytes;
        if (wanted == 0)
            return new XzBaseline(null, "there is no validation text");
        // A dictionary larger than the text changes nothing but the memory: -9 alone takes 674 MiB.
        long dictionary = Math.Clamp((long)BitOperations.RoundUpToPowerOf2((ulong)wanted), 1 << 16, 64L << 20);
        ProcessStartInfo start = new("xz")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string preset = string.Create(CultureInfo.InvariantCulture, $"--lzma2=preset=9,dict={dictionary}");
        foreach (string argument in (ReadOnlySpan<string>)["--format=xz", preset, "--threads=1", "--stdout", "--quiet"])
            start.ArgumentList.Add(argument);
        try
        {
            using Process process = Process.Start(start)!;
            XzBaseline measured = Run(process, data, tokenizer, wanted, limit);
            if (measured.BitsPerByte is not null)
                Keep(measured, data, cacheFolder);
            return measured;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return new XzBaseline(null, "xz is not installed");
        }
    }

    private static XzBaseline Run(Process process, SourceData data, BpeTokenizer tokenizer, long wanted, TimeSpan limit)
    {
        using CancellationTokenSource timeout = new(limit > TimeSpan.Zero ? limit : TimeSpan.Zero);
        using CancellationTokenRegistration ending = timeout.Token.Register(() =>
        {
            try
            {
                process.Kill();
            }
            catch (InvalidOperationException)
            {
                // It has just ended by itself.
            }
        });
        Task<long> compressed = Task.Run(() => CountAsync(process.StandardOutput.BaseStream));
        Task<string> errors = process.StandardError.ReadToEndAsync();
        long written = 0;
        try
        {
            using Stream input = process.StandardInput.BaseStream;
            written = WriteValidationText(data.Dataset.Validation, tokenizer, input, wanted);
        }
        catch (IOException)
        {
            // It ended before it had read everything; its exit code tells.
        }
        process.WaitForExit();
        long bytes = compressed.GetAwaiter().GetResult();
        if (timeout.IsCancellationRequested)
            return new XzBaseline(null, string.Create(CultureInfo.InvariantCulture, $"it took longer than the {RunSeconds} seconds that a run waits for it"));
        if (process.ExitCode != 0 || written == 0)
            return new XzBaseline(null, "xz failed: " + MessageText.OneLine(errors.GetAwaiter().GetResult().Trim(), 200));
        return new XzBaseline(8.0 * bytes / written, null);
    }

    private static long WriteValidationText(TokenSplit split, BpeTokenizer tokenizer, Stream target, long wanted)
    {
        int[] ids = new int[4096];
        using MemoryStream text = new();
        long written = 0;
        for (long position = 0; position < split.Tokens && written < wanted; position += ids.Length)
        {
            Span<int> read = ids.AsSpan(0, (int)Math.Min(ids.Length, split.Tokens - position));
            split.Read(position, read);
            text.SetLength(0);
            foreach (int id in read)
            {
                if (id != tokenizer.EndOfTextId)
                    text.Write(tokenizer.TokenBytes(id));
            }
            int count = (int)Math.Min(text.Length, wanted - written);
            target.Write(text.GetBuffer(), 0, count);
            written += count;
        }
        return written;
    }

    private static async Task<long> CountAsync(Stream stream)
    {
        byte[] buffer = new byte[1 << 16];
        long count = 0;
        int read;
        while ((read = await stream.ReadAsync(buffer).ConfigureAwait(false)) > 0)
            count += read;
        return count;
    }

    private static void Keep(XzBaseline measured, SourceData data, string cacheFolder)
    {
        try
        {
            string file = CacheFile(data, cacheFolder);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            AtomicFile.WriteText(file, string.Create(CultureInfo.InvariantCulture, $"{{\"bits_per_byte\":{measured.BitsPerByte:R}}}\n"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The next run measures again.
        }
    }

    private static string CacheFile(SourceData data, string cacheFolder) => Path.Combine(cacheFolder, "xz", data.Identity + ".json");
}
