using System.Diagnostics;
using Mazij.Configuration;

namespace Mazij.Training.Reports;

/// <summary>How a run looks from outside.</summary>
internal enum RunState
{
    /// <summary>It reached its stop.</summary>
    Complete,

    /// <summary>It was asked to end and saved its state.</summary>
    Interrupted,

    /// <summary>A process works on it.</summary>
    Running,

    /// <summary>It ended with an error.</summary>
    Failed,

    /// <summary>Its process is gone and left no word.</summary>
    Killed,

    /// <summary>Its files do not tell: they are damaged, missing or from elsewhere.</summary>
    Broken,
}

/// <summary>A run as its folder shows it, whatever state the folder is in; nothing in it is changed.</summary>
/// <param name="Name">The folder's name.</param>
/// <param name="Folder">The folder, absolute.</param>
/// <param name="State">How it stands.</param>
/// <param name="Reason">Why it failed, or what is wrong with the folder; null if nothing is.</param>
/// <param name="Config">Its run file; null if that cannot be read.</param>
/// <param name="Facts">Its run.json; null if that cannot be read.</param>
/// <param name="History">What its metrics tell.</param>
/// <param name="UnreadableLines">Lines of metrics.jsonl that are none.</param>
internal sealed record RunSummary(
    string Name, string Folder, RunState State, string? Reason, RunConfig? Config, RunFacts? Facts, RunHistory History, long UnreadableLines)
{
    /// <summary>A run on another machine that wrote nothing for so long is no longer taken to be running.</summary>
    private static readonly TimeSpan silence = TimeSpan.FromHours(1);

    /// <summary>What the run has cost so far, or null if its run file names no price.</summary>
    public double? Cost => Config?.Cost.PricePerHour is double price ? History.Seconds / 3600 * price : null;

    /// <summary>Tokens per second: the median, or null before the second step.</summary>
    public double? TokensPerSecond => History.TokensPerSecond.Median();

    /// <summary>Whether a folder holds a run, or what is left of one.</summary>
    public static bool IsRun(string folder) => File.Exists(RunFolder.At(folder).ConfigFile) || WasBegun(folder);

    /// <summary>The runs of a folder: itself, or the folders in it, in the order of their names.</summary>
    /// <exception cref="InputException">There is no such folder, or it cannot be listed.</exception>
    public static IReadOnlyList<string> FoldersIn(string folder)
    {
        if (!Directory.Exists(folder))
            throw new InputException($"{MessageText.OneLine(folder, 200)}: there is no such folder; name one that holds runs");
        // A run file that lies beside the runs does not make their folder a run.
        if (WasBegun(folder))
            return [folder];
        try
        {
            return [.. Directory.EnumerateDirectories(folder).Where(IsRun).Order(StringComparer.Ordinal)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{folder}: cannot be listed ({error.Message})", error);
        }
    }

    /// <summary>Reads a run's folder.</summary>
    /// <exception cref="InputException">There is no such folder, or no run in it.</exception>
    public static RunSummary Read(string folder)
    {
        if (!Directory.Exists(folder) || !IsRun(folder))
            throw new InputException($"{MessageText.OneLine(folder, 200)}: holds no run (no run.yaml); name the folder that mazij train wrote");
        RunFolder files = RunFolder.At(folder);
        List<string> problems = [];
        RunConfig? config = Try(() => RunConfig.Load(files.ConfigFile, []), problems);
        RunFacts? facts = Try(() => RunFacts.Read(files.FactsFile), problems);
        RunHistory history = new();
        MetricsReader reader = new();
        try
        {
            reader.ReadInto(history, files.MetricsFile);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            problems.Add($"{files.MetricsFile}: cannot be read ({error.Message})");
        }
        history.Elapsed(facts?.Seconds ?? 0);
        (RunState state, string? reason) = facts is null
            ? (RunState.Broken, null)
            : StateOf(facts, files.MetricsFile);
        return new RunSummary(
            files.Name, files.Path, state, reason ?? (problems.Count > 0 ? problems[0] : null), config, facts, history, reader.Unreadable);
    }

    private static bool WasBegun(string folder) => File.Exists(RunFolder.At(folder).FactsFile) || File.Exists(RunFolder.At(folder).MetricsFile);

    private static (RunState, string?) StateOf(RunFacts facts, string metricsFile) => facts.Status switch
    {
        RunStatus.Complete => (RunState.Complete, null),
        RunStatus.Interrupted => (RunState.Interrupted, null),
        RunStatus.Failed => (RunState.Failed, facts.Reason),
        _ when facts.Host == Environment.MachineName => IsAlive(facts)
            ? (RunState.Running, null)
            : (RunState.Killed, $"process {facts.ProcessId} is gone and left no word; mazij train --resume goes on from the newest checkpoint"),
        _ => DateTime.UtcNow - Newest(facts, metricsFile) < silence
            ? (RunState.Running, null)
            : (RunState.Killed, $"nothing was heard from {facts.Host} since {Newest(facts, metricsFile):yyyy-MM-dd HH:mm} UTC"),
    };

    private static DateTime Newest(RunFacts facts, string metricsFile)
    {
        DateTime written = File.GetLastWriteTimeUtc(metricsFile);
        return written > facts.Updated ? written : facts.Updated;
    }

    private static bool IsAlive(RunFacts facts)
    {
        try
        {
            using Process process = Process.GetProcessById(facts.ProcessId);
            // Numbers of processes are used again: a process that began after the run's last word is another.
            return process.StartTime.ToUniversalTime() <= facts.Updated.AddSeconds(1);
        }
        catch (Exception error) when (error is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private static T? Try<T>(Func<T> read, List<string> problems)
        where T : class
    {
        try
        {
            return read();
        }
        catch (InputException error)
        {
            problems.Add(error.Message);
            return null;
        }
    }
}
