using System.Globalization;
using System.IO.Hashing;
using System.Text.Json;
using Mazij.Formats;

namespace Mazij.Training;

/// <summary>The checkpoints folder of a run: step-N folders, each complete or not there at all.</summary>
internal sealed class CheckpointFolder(string path)
{
    private const string Prefix = "step-", Writing = ".writing-";
    private const long MaximumStateBytes = 16 << 20;
    private readonly HashSet<long> passedOver = [];

    /// <summary>The folder.</summary>
    public string Path { get; } = path;

    /// <summary>The folder of one step's checkpoint.</summary>
    public string PathOf(long step) => System.IO.Path.Combine(Path, Prefix + step.ToString("D8", CultureInfo.InvariantCulture));

    /// <summary>The step that a checkpoint's folder is named for, or null if it is named otherwise.</summary>
    public static long? StepOf(string folder)
    {
        string name = System.IO.Path.GetFileName(folder);
        return name.StartsWith(Prefix, StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long step) ? step : null;
    }

    /// <summary>The steps that have a checkpoint, ascending.</summary>
    public List<long> Steps()
    {
        List<long> steps = [];
        if (!Directory.Exists(Path))
            return steps;
        foreach (string folder in Directory.EnumerateDirectories(Path, Prefix + "*"))
        {
            if (StepOf(folder) is long step)
                steps.Add(step);
        }
        steps.Sort();
        return steps;
    }

    /// <summary>Writes a checkpoint: into a hidden folder first, which then gets its name, so that no reader sees half of one.</summary>
    /// <param name="state">The state; its list of files is filled in here.</param>
    /// <param name="bytes">About how many bytes will be written.</param>
    /// <param name="writeFiles">Writes the tensor files into the folder it is given, and says what it wrote.</param>
    /// <exception cref="IOException">The disk is full or fails; the folder is as it was.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written; it is as it was.</exception>
    public void Write(CheckpointState state, long bytes, Func<string, IReadOnlyList<CheckpointFile>> writeFiles)
    {
        Directory.CreateDirectory(Path);
        RemoveLeftovers();
        FreeSpace.Require(Path, bytes);
        string temporary = System.IO.Path.Combine(Path, Writing + state.Progress.Step.ToString(CultureInfo.InvariantCulture));
        try
        {
            FailPoint.Reach("create a folder");
            Directory.CreateDirectory(temporary);
            IReadOnlyList<CheckpointFile> files = writeFiles(temporary);
            string json = JsonSerializer.Serialize((state with { Files = files }).Sealed(), CheckpointState.Json) + "\n";
            AtomicFile.WriteText(System.IO.Path.Combine(temporary, CheckpointState.FileName), json);
            AtomicFolder.Replace(temporary, PathOf(state.Progress.Step));
            passedOver.Remove(state.Progress.Step);
        }
        catch
        {
            TryRemoveLeftovers();
            throw;
        }
    }

    /// <summary>Reads and checks a checkpoint's state and the checksums of its files.</summary>
    /// <exception cref="InputException">The checkpoint is incomplete or damaged.</exception>
    public CheckpointState Read(long step)
    {
        string folder = PathOf(step);
        CheckpointState state = ReadState(System.IO.Path.Combine(folder, CheckpointState.FileName));
        if (state.Progress.Step != step)
            throw new InputException($"{folder}: the checkpoint is of step {state.Progress.Step}; its folder was renamed");
        foreach (CheckpointFile expected in state.Files)
        {
            string file = System.IO.Path.Combine(folder, expected.Name);
            if (!File.Exists(file))
                throw new InputException($"{file}: this file of the checkpoint is missing");
            CheckpointFile found = Describe(file);
            if (found.Bytes != expected.Bytes)
                throw new InputException($"{file}: {found.Bytes} bytes, but {expected.Bytes} were written; the checkpoint is damaged");
            if (found.Checksum != expected.Checksum)
                throw new InputException($"{file}: the checksum does not match; the checkpoint is damaged");
        }
        return state;
    }

    /// <summary>Remembers a checkpoint that cannot be resumed from: it does not count as one to keep.</summary>
    public void PassOver(long step) => passedOver.Add(step);

    /// <summary>
    /// Deletes all checkpoints but the newest <paramref name="keep"/> and the one with the lowest validation loss. Damaged
    /// ones count for nothing and go when they are older than a good one, so the last good one always stays.
    /// </summary>
    public void Prune(int keep)
    {
        List<(long Step, double? Loss)> good = [];
        List<long> bad = [];
        foreach (long step in Steps())
        {
            if (!passedOver.Contains(step) && TryReadState(step) is CheckpointState state && state.Progress.Step == step && HasAllFiles(state))
                good.Add((step, state.ValidationLoss));
            else
                bad.Add(step);
        }
        if (good.Count == 0)
            return;
        long best = good.MinBy(checkpoint => checkpoint.Loss ?? double.PositiveInfinity).Step;
        bool anyLoss = good.Any(checkpoint => checkpoint.Loss is not null);
        IEnumerable<long> going = good.SkipLast(keep).Select(checkpoint => checkpoint.Step).Where(step => !anyLoss || step != best)
            .Concat(bad.Where(step => step < good[^1].Step));
        foreach (long step in going)
            AtomicFolder.Remove(PathOf(step));
    }

    private bool HasAllFiles(CheckpointState state) => state.Files.All(file =>
    {
        FileInfo found = new(System.IO.Path.Combine(PathOf(state.Progress.Step), file.Name));
        return found.Exists && found.Length == file.Bytes;
    });

    private void RemoveLeftovers()
    {
        foreach (string leftover in Directory.GetDirectories(Path, Writing + "*"))
            AtomicFolder.Delete(leftover);
        AtomicFolder.RemoveLeftovers(Path, Prefix + "*");
    }

    private void TryRemoveLeftovers()
    {
        try
        {
            RemoveLeftovers();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // What made the write fail may keep its leftovers from being removed; the first failure is the one to tell.
        }
    }

    private CheckpointState? TryReadState(long step)
    {
        try
        {
            return ReadState(System.IO.Path.Combine(PathOf(step), CheckpointState.FileName));
        }
        catch (InputException)
        {
            return null;
        }
    }

    private static CheckpointState ReadState(string path)
    {
        FileInfo file = new(path);
        if (!file.Exists)
            throw new InputException($"{path}: no such file; this is not a complete checkpoint");
        if (file.Length > MaximumStateBytes)
            throw new InputException($"{path}: {file.Length} bytes is too large; the checkpoint is damaged");
        CheckpointState state;
        try
        {
            byte[] json = File.ReadAllBytes(path);
            // The version first: what else an older or newer file holds is not for this program to judge.
            if (VersionOf(json) is int version && version != CheckpointState.CurrentVersion)
                throw new InputException($"{path}: version {version} of the checkpoint format; this program reads version {CheckpointState.CurrentVersion}");
            state = JsonSerializer.Deserialize<CheckpointState>(json, CheckpointState.Json)
                ?? throw new InputException($"{path}: holds null; the checkpoint is damaged");
        }
        catch (JsonException error)
        {
            string key = MessageText.OneLine(error.Path ?? "", MessageText.MaximumShown);
            throw new InputException($"{path}: not a checkpoint's state (line {(error.LineNumber ?? 0) + 1}, key {key}); the checkpoint is damaged", error);
        }
        catch (InvalidOperationException error)
        {
            throw new InputException($"{path}: not a checkpoint's state (half of a surrogate pair in a text); the checkpoint is damaged", error);
        }
        if (!state.IsIntact())
            throw new InputException($"{path}: the checksum does not match; the checkpoint is damaged");
        return state.FindProblem() is string problem ? throw new InputException($"{path}: {problem}; the checkpoint is damaged") : state;
    }

    // Throws what parsing throws: the state is not read then.
    private static int? VersionOf(byte[] json)
    {
        using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = CheckpointState.Json.MaxDepth });
        return document.RootElement.ValueKind == JsonValueKind.Object
            && document.RootElement.TryGetProperty("version", out JsonElement version)
            && version.ValueKind == JsonValueKind.Number && version.TryGetInt32(out int number)
            ? number
            : null;
    }

    private static CheckpointFile Describe(string path)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.SequentialScan);
        XxHash128 hash = new();
        hash.Append(stream);
        return CheckpointFile.Of(System.IO.Path.GetFileName(path), stream.Length, hash);
    }
}
