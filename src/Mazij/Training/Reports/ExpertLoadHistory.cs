using System.Text.Json;
using Mazij.Formats;

namespace Mazij.Training.Reports;

/// <summary>How the load of the experts moved over a run, read from expert-load.jsonl.</summary>
internal sealed class ExpertLoadHistory
{
    private readonly List<Curve> layers = [];
    private readonly List<(long Step, long[][] Load)> newest = [];

    /// <summary>For each layer with experts, the fullest expert's load over the mean.</summary>
    public IReadOnlyList<Curve> Layers => layers;

    /// <summary>The last step covered.</summary>
    public long LastStep { get; private set; }

    /// <summary>The first step of those that <see cref="FinalShares"/> covers.</summary>
    public long FinalFrom { get; private set; }

    /// <summary>Load over the mean of each layer's experts, [layer][expert], in the last twentieth of the run; empty without any.</summary>
    public double[][] FinalShares { get; private set; } = [];

    /// <summary>Reads the file; what is no line of it is passed over.</summary>
    /// <param name="path">The file.</param>
    /// <param name="lastStep">The run may go on while it is read: later steps are left out.</param>
    /// <returns>The history, or null if the run has none: its model has no experts.</returns>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ExpertLoadHistory? Load(string path, long lastStep = long.MaxValue)
    {
        if (!File.Exists(path))
            return null;
        ExpertLoadHistory history = new();
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
        // 256 layers of 1024 experts fit.
        LineReader lines = new(stream, 8 << 20);
        while (lines.Next())
        {
            if (!lines.IsTooLong && Parse(lines.Line) is (long step, long steps, long[][] load) && step <= lastStep)
                history.Add(step, steps, load);
        }
        history.Finish();
        return history.layers.Count == 0 ? null : history;
    }

    private void Add(long step, long steps, long[][] load)
    {
        if (layers.Count == 0)
            layers.AddRange(load.Select(_ => Curve.Empty(512)));
        if (load.Length != layers.Count)
            return;
        for (int layer = 0; layer < load.Length; layer++)
        {
            // In floating point, as the file may hold any counts.
            double total = load[layer].Sum(count => (double)count);
            // A window is drawn where its middle is.
            layers[layer] = layers[layer].With(step - steps / 2, 0, total == 0 ? 1 : load[layer].Max() * (double)load[layer].Length / total);
        }
        LastStep = step;
        newest.Add((step, load));
        newest.RemoveAll(window => window.Step < step - step / 20);
        FinalFrom = newest.Count == 1 ? step - steps + 1 : newest[0].Step;
    }

    private void Finish()
    {
        if (newest.Count == 0)
            return;
        FinalShares = new double[layers.Count][];
        for (int layer = 0; layer < layers.Count; layer++)
        {
            int experts = newest[^1].Load[layer].Length;
            double[] sums = new double[experts];
            foreach ((_, long[][] load) in newest)
            {
                for (int expert = 0; expert < Math.Min(experts, load[layer].Length); expert++)
                    sums[expert] += load[layer][expert];
            }
            double mean = Math.Max(1e-9, sums.Sum() / experts);
            FinalShares[layer] = [.. sums.Select(sum => sum / mean)];
        }
        newest.Clear();
    }

    private static (long Step, long Steps, long[][] Load)? Parse(ReadOnlyMemory<byte> line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement json = document.RootElement;
            long[][] load =
            [
                .. json.GetProperty("load").EnumerateArray().Select(layer => layer.EnumerateArray().Select(count => count.GetInt64()).ToArray()),
            ];
            return load.Length == 0 || load.Any(layer => layer.Length == 0 || layer.Min() < 0)
                ? null : (json.GetProperty("step").GetInt64(), json.GetProperty("steps").GetInt64(), load);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return null; // A line that was being written, or damage.
        }
    }
}
