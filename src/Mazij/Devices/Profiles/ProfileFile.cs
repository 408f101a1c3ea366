using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mazij.Formats;

namespace Mazij.Devices.Profiles;

/// <summary>Reads and writes profiles. What is read is checked whole: nothing that uses a profile has to doubt its numbers.</summary>
internal static class ProfileFile
{
    private const long MaximumBytes = 16 << 20;
    private const int MostSamples = 20_000, MostCalls = 64;
    private const double LeastSeconds = 1e-9, MostSeconds = 1e7, LeastWork = 1e-6, MostWork = 1e24;

    private static readonly JsonSerializerOptions json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        MaxDepth = 16,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly string[] memoryOperations = ["read", "add", "copy"];
    private static readonly string[] collectives = ["all_reduce", "all_to_all", "all_gather", "reduce_scatter"];

    /// <summary>Reads a profile.</summary>
    /// <exception cref="InputException">It is not there, or is no sound profile: names the line and the key, or what is wrong.</exception>
    public static DeviceProfile Read(string path)
    {
        DeviceProfile profile = Parse(path);
        return FindProblem(profile) is string problem
            ? throw new InputException($"{path}: {problem}; take another profile by `mazij devices probe`")
            : profile;
    }

    /// <summary>Writes a profile; the folder is made if it is not there.</summary>
    /// <exception cref="InputException">It cannot be written.</exception>
    public static void Write(string path, DeviceProfile profile)
    {
        try
        {
            string full = Path.GetFullPath(path);
            Directory.CreateDirectory(Path.GetDirectoryName(full)!);
            AtomicFile.WriteText(full, JsonSerializer.Serialize(profile, json) + "\n");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path}: cannot be written ({MessageText.OneLine(error.Message, 200)})", error);
        }
    }

    private static DeviceProfile Parse(string path)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (stream.Length > MaximumBytes)
                throw new InputException($"{path}: {stream.Length} bytes is too large for a profile");
            return JsonSerializer.Deserialize<DeviceProfile>(stream, json) ?? throw new InputException($"{path}: holds null");
        }
        catch (JsonException error)
        {
            string at = error.LineNumber is long line ? $"line {line + 1}, " : "";
            throw new InputException(
                $"{path}: not a profile ({at}key {MessageText.OneLine(error.Path ?? "$", MessageText.MaximumShown)}{Missing(error)}); take one by `mazij devices probe`", error);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"{path}: there is no such file; take a profile by `mazij devices probe`", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path}: cannot be read ({MessageText.OneLine(error.Message, 200)})", error);
        }
    }

    /// <summary>The keys that are not there; the exception names them in its message alone.</summary>
    private static string Missing(JsonException error)
    {
        const string before = "including: ";
        int at = error.Message.IndexOf(before, StringComparison.Ordinal);
        return at < 0 ? "" : " without " + MessageText.OneLine(error.Message[(at + before.Length)..].TrimEnd('.'), MessageText.MaximumShown);
    }

    private static string? FindProblem(DeviceProfile profile)
    {
        if (profile.Format != DeviceProfile.FormatName)
            return $"format is {MessageText.Quote(profile.Format)}, not {MessageText.Quote(DeviceProfile.FormatName)}";
        if (profile.Version != DeviceProfile.CurrentVersion)
            return $"version is {profile.Version}, this program reads {DeviceProfile.CurrentVersion}";
        IEnumerable<string?> problems =
        [
            Time("seconds", profile.Seconds),
            profile.FirstStepSeconds is >= 0 and < MostSeconds ? null : "first_step_seconds is out of range",
            profile.StorageBytesPerSecond is null or (> 0 and < MostWork) ? null : "storage_bytes_per_second is out of range",
            profile.Machine is { Threads: >= 1 and <= 1 << 16, Cores: null or >= 1, MemoryBytes: null or >= 1 } ? null : "machine has impossible numbers",
            .. Each("gemm", profile.Gemm, Problem),
            .. Each("memory", profile.Memory, Problem),
            .. Each("kernels", profile.Kernels, Problem),
            .. Each("steps", profile.Steps, Problem),
            .. Each("evaluations", profile.Evaluations, sample => Time("seconds", sample.Seconds) ?? Work("flops", sample.Flops) ?? Work("attention_flops", sample.AttentionFlops) ?? Work("tokens", sample.Tokens)),
            .. Each("generation", profile.Generation, sample => Time("seconds", sample.Seconds) ?? Work("bytes", sample.Bytes) ?? Work("layers", sample.Layers)),
            .. profile.Collectives is CollectiveProfile all ? Problems(all) : [],
        ];
        return problems.FirstOrDefault(problem => problem is not null) ?? FindMissing(profile);
    }

    /// <summary>What a prediction cannot do without.</summary>
    private static string? FindMissing(DeviceProfile profile)
    {
        if (profile.Memory.Count == 0)
            return "memory is empty";
        foreach (ProfileDtype dtype in profile.Steps.Select(step => step.Dtype).Distinct())
        {
            if (profile.PeakGemm(dtype) is null)
                return $"gemm has no product in {Configuration.ScalarText.Format(dtype).Text}, in which steps were measured";
            if (!profile.Kernels.Any(sample => sample.Dtype == dtype))
                return $"kernels has none in {Configuration.ScalarText.Format(dtype).Text}, in which steps were measured";
        }
        return null;
    }

    private static string? Problem(GemmSample sample) =>
        Time("seconds", sample.Seconds) ?? Size("rows", sample.Rows) ?? Size("columns", sample.Columns) ?? Size("depth", sample.Depth);

    private static string? Problem(MemorySample sample) => memoryOperations.Contains(sample.Operation)
        ? Time("seconds", sample.Seconds) ?? Size("bytes", sample.Bytes)
        : $"operation is {MessageText.Quote(sample.Operation)}, not one of {string.Join(", ", memoryOperations)}";

    private static string? Problem(KernelSample sample)
    {
        if (sample.Calls.Count is 0 or > MostCalls)
            return "calls has too few or too many";
        foreach (CountedCall? call in sample.Calls)
        {
            if (call is null)
                return "calls holds null";
            string? problem = Work("count", call.Count) ?? Work("flops", call.Flops) ?? Work("bytes", call.Bytes) ?? Work("groups", call.Groups)
                ?? Work("rows", call.Rows) ?? Work("columns", call.Columns) ?? Work("depth", call.Depth);
            if (problem is not null)
                return "calls: " + problem;
        }
        return sample.Calls.Any(call => call.Count * (call.Flops + call.Bytes) > 0) ? Time("seconds", sample.Seconds) : "calls do nothing";
    }

    private static string? Problem(StepSample sample) => Time("seconds", sample.Seconds) ?? Time("kernel_seconds", sample.KernelSeconds)
        ?? Time("typical_seconds", sample.TypicalSeconds) ?? (sample.TypicalSeconds < sample.Seconds ? "typical_seconds is below seconds" : null)
        ?? Size("layers", sample.Layers) ?? Size("tokens", sample.Tokens);

    private static IEnumerable<string?> Problems(CollectiveProfile all)
    {
        if (all.Ranks is < 2 or > 1 << 20 || all.Hosts < 1 || all.Hosts > all.Ranks)
            yield return "collectives has impossible numbers of ranks or hosts";
        foreach (string? problem in Each("collectives.samples", all.Samples, sample => collectives.Contains(sample.Operation)
            ? Time("seconds", sample.Seconds) ?? Size("bytes", sample.Bytes)
            : $"operation is {MessageText.Quote(sample.Operation)}, not one of {string.Join(", ", collectives)}"))
        {
            yield return problem;
        }
    }

    private static IEnumerable<string?> Each<TSample>(string key, IReadOnlyList<TSample> samples, Func<TSample, string?> find)
    {
        if (samples.Count > MostSamples)
            yield return $"{key} has {samples.Count} entries, too many";
        for (int i = 0; i < samples.Count; i++)
        {
            // Lists of references may hold null whatever their type says.
            string? problem = samples[i] is null ? "is null" : find(samples[i]);
            if (problem is not null)
                yield return $"{key}[{i}]: {problem}";
        }
    }

    private static string? Time(string key, double seconds) =>
        seconds is >= LeastSeconds and <= MostSeconds ? null : FormattableString.Invariant($"{key} is {seconds}, not a time in seconds");

    private static string? Work(string key, double amount) =>
        amount is 0 or (>= LeastWork and <= MostWork) ? null : FormattableString.Invariant($"{key} is {amount}, out of range");

    private static string? Size(string key, long amount) =>
        amount is >= 1 and <= 1L << 48 ? null : FormattableString.Invariant($"{key} is {amount}, out of range");
}
