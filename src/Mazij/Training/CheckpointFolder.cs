using System.Globalization;
using System.IO.Hashing;
using System.Text.Json;

namespace Mazij.Training;

/// <summary>The checkpoints folder of a run: step-N folders, each complete or not there at all.</summary>
internal sealed class CheckpointFolder(string path)
{
    private const string Prefix = "step-";
    private const long MaximumStateBytes = 16 << 20;

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
    /// <param name="writeFiles">Writes the tensor files into the folder it is given.</param>
    public void Write(CheckpointState state, Action<string> writeFiles)
    {
        Directory.CreateDirectory(Path);
        foreach (string leftover in Directory.EnumerateDirectories(Path, ".writing-*"))
            Directory.Delete(leftover, recursive: true);
        string temporary = System.IO.Path.Combine(Path, ".writing-" + state.Progress.Step.ToString(CultureInfo.InvariantCulture));
        try
        {
            Directory.CreateDirectory(temporary);
            writeFiles(temporary);
            List<CheckpointFile> files = [];
            foreach (string file in Directory.EnumerateFiles(temporary).Order(StringComparer.Ordinal))
                files.Add(Describe(file));
            string json = JsonSerializer.Serialize((state with { Files = files }).Sealed(), CheckpointState.Json) + "\n";
            Formats.AtomicFile.WriteText(System.IO.Path.Combine(temporary, CheckpointState.FileName), json);
            string target = PathOf(state.Progress.Step);
            if (Directory.Exists(target))
                Directory.Delete(target, recursive: true);
            Directory.Move(temporary, target);
            Formats.AtomicFile.FlushFolder(Path);
        }
        catch
        {
            if (Directory.Exists(temporary))
                Directory.Delete(temporary, recursive: true);
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
            if (System.IO.Path.GetFileName(expected.Name) != expected.Name)
                throw new InputException($"{folder}: the checkpoint names the file {expected.Name}, outside its folder");
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

    /// <summary>Deletes all checkpoints but the newest <paramref name="keep"/> and the one with the lowest validation loss.</summary>
    public void Prune(int keep)
    {
        List<long> steps = Steps();
        long? best = null;
        double bestLoss = double.PositiveInfinity;
        foreach (long step in steps)
        {
            double? loss = TryReadLoss(step);
            if (loss < bestLoss)
                (best, bestLoss) = (step, loss.Value);
        }
        for (int i = 0; i < steps.Count - keep; i++)
        {
            if (steps[i] != best)
                Directory.Delete(PathOf(steps[i]), recursive: true);
        }
    }

    private double? TryReadLoss(long step)
    {
        try
        {
            return ReadState(System.IO.Path.Combine(PathOf(step), CheckpointState.FileName)).ValidationLoss;
        }
        catch (InputException)
        {
            return null; // A damaged checkpoint cannot be the best.
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
            throw new InputException($"{path}: not a checkpoint's state (line {error.LineNumber + 1}, key {error.Path}); the checkpoint is damaged", error);
        }
        if (!state.IsIntact())
            throw new InputException($"{path}: the checksum does not match; the checkpoint is damaged");
        TrainingProgress progress = state.Progress;
        if (progress.Step < 0 || progress.Tokens < 0 || progress.Samples < 0 || state.OptimizerUpdates < 0 || !(progress.Seconds >= 0))
            throw new InputException($"{path}: the progress is negative; the checkpoint is damaged");
        return state;
    }

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
        return new CheckpointFile(System.IO.Path.GetFileName(path), stream.Length, Convert.ToHexStringLower(hash.GetCurrentHash()));
    }
}
