using System.Diagnostics;

namespace Mazij.Tests.Hostile;

/// <summary>How many mutations of a target ended how.</summary>
/// <param name="Refused">Refused in one clear line.</param>
/// <param name="Harmless">Read, and what was read is right.</param>
/// <param name="Failures">All others, each with what replays it.</param>
internal sealed record HostileResult(long Refused, long Harmless, IReadOnlyList<string> Failures);

/// <summary>
/// Damages one target's files again and again and reads them, on a thread that is watched: reading must end soon, in little
/// memory, with what was written or with one clear line.
/// </summary>
internal sealed class HostileRun(HostileTarget target, long seed)
{
    private const int EnoughFailures = 20, LongestMessage = 1000, StackBytes = 1 << 20;
    private static readonly TimeSpan limit = TimeSpan.FromSeconds(20);

    // Told before each mutation, so that whoever started the process knows what ended it.
    private static readonly string? journal = Environment.GetEnvironmentVariable("MAZIJ_HOSTILE_JOURNAL");

    private readonly List<string> failures = [];
    private long refused, harmless, begun;
    private string current = "";

    /// <summary>Reads the mutations first, first + 1, ...</summary>
    public HostileResult Run(long first, long count)
    {
        Thread reader = new(() => ReadAll(first, count), StackBytes) { IsBackground = true, Name = target.Name };
        begun = Stopwatch.GetTimestamp();
        reader.Start();
        while (!reader.Join(TimeSpan.FromMilliseconds(200)))
        {
            if (Stopwatch.GetElapsedTime(Interlocked.Read(ref begun)) <= limit)
                continue;
            // The thread cannot be ended; what it found until now still counts.
            return new HostileResult(refused, harmless, [.. failures.ToArray(), $"{current}: has not ended after {limit.TotalSeconds} s"]);
        }
        return new HostileResult(refused, harmless, failures);
    }

    private void ReadAll(long first, long count)
    {
        for (long index = first; index < first + count && failures.Count < EnoughFailures; index++)
        {
            Volatile.Write(ref current, $"{seed}:{target.Name}:{index}");
            if (journal is not null)
                File.WriteAllText(journal, current);
            Interlocked.Exchange(ref begun, Stopwatch.GetTimestamp());
            string what = "";
            try
            {
                what = target.Damage(new Dice(seed, target.Name, index));
                if (ReadOnce() is string problem)
                    failures.Add($"{current} ({what}): {problem}");
            }
            catch (Exception error)
            {
                failures.Add($"{current} ({what}): {error}");
            }
            target.Folder.Restore(target.Writes);
        }
    }

    /// <summary>What is wrong with how the files were read; null if nothing is.</summary>
    private string? ReadOnce()
    {
        long files = target.Folder.Originals.Values.Sum(bytes => (long)bytes.Length);
        long allowed = target.FreeBytes + 50 * files, before = GC.GetAllocatedBytesForCurrentThread();
        ResidentPeak? resident = ResidentPeak.Begin();
        string? problem = null;
        try
        {
            target.Read();
            harmless++;
        }
        catch (InputException error)
        {
            refused++;
            problem = FindFault(error.Message);
        }
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        if (allocated > allowed)
            problem ??= $"{allocated / 1e6:F0} MB were allocated, for files of {files} bytes";
        if (resident?.Growth() is long growth && growth > allowed)
            problem ??= $"the process grew by {growth / 1e6:F0} MB, for files of {files} bytes";
        return problem ?? target.Folder.FindTrespass(target.Writes);
    }

    private string? FindFault(string message)
    {
        if (message.Length > LongestMessage)
            return $"the message has {message.Length} characters: {message[..200]}...";
        if (message.Any(c => char.IsControl(c) || c is '\u2028' or '\u2029'))
            return $"the message has control characters: {MessageText.OneLine(message, LongestMessage)}";
        bool names = message.Contains(target.Folder.Path, StringComparison.Ordinal)
            || target.Folder.Originals.Keys.Any(file => message.Contains(Path.GetFileName(file), StringComparison.Ordinal));
        return names ? null : $"the message names no file: {message}";
    }
}
