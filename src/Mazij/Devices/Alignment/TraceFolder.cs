using System.Globalization;
using System.Text.Json;
using Mazij.Formats;
using Mazij.Formats.Safetensors;
using Mazij.Models;

namespace Mazij.Devices.Alignment;

/// <summary>Traces on the disk: a folder with trace.json and tensors.safetensors.</summary>
internal static class TraceFolder
{
    private const string TensorFile = "tensors.safetensors", ParameterPrefix = "parameters/";
    private const long MaximumManifestBytes = 64 << 20;
    private const int LongestReason = 200;

    /// <summary>Refuses a folder that a trace cannot be written to, before anything is recorded.</summary>
    /// <exception cref="InputException">It holds something else, or is a file.</exception>
    public static void RequireWritable(string path)
    {
        if (File.Exists(path))
            throw new InputException($"{path}: is a file; name a folder for the trace");
        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any() && !File.Exists(Path.Combine(path, TraceManifest.FileName)))
            throw new InputException($"{path}: the folder holds something that is no trace; name another");
    }

    /// <summary>Writes a trace, whole or not at all; one that was there is replaced.</summary>
    public static void Write(string path, Trace trace)
    {
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        string writing = string.Create(CultureInfo.InvariantCulture, $"{target}.writing-{Environment.ProcessId}");
        AtomicFolder.Delete(writing);
        Directory.CreateDirectory(writing);
        try
        {
            NamedTensors tensors = new();
            foreach ((string name, TraceTensor tensor) in trace.Parameters)
                tensors.Add(tensor, ParameterPrefix + name);
            TraceManifest manifest = new()
            {
                Format = TraceManifest.FormatName,
                Version = TraceManifest.CurrentVersion,
                Origin = trace.Origin,
                Model = trace.Model,
                Components = [.. trace.Components.Select(component => Describe(component, trace.Model, tensors))],
                Training = trace.Training,
            };
            SafetensorsWriter.Write(
                Path.Combine(writing, TensorFile), tensors.All.Select(pair => pair.Tensor.Described(pair.Name)),
                (spec, offset, destination) => tensors[spec.Name].Fill(offset, destination));
            AtomicFile.Write(
                Path.Combine(writing, TraceManifest.FileName), stream => JsonSerializer.Serialize(stream, manifest, TraceManifest.Json));
            AtomicFolder.Replace(writing, target);
        }
        catch
        {
            AtomicFolder.Delete(writing);
            throw;
        }
    }

    /// <summary>Reads a trace and checks that it can be compared.</summary>
    /// <exception cref="InputException">It is missing, damaged, or contradicts itself.</exception>
    public static Trace Read(string path)
    {
        string file = Path.Combine(path, TraceManifest.FileName);
        TraceManifest manifest = ReadManifest(path, file);
        using SafetensorsFile tensors = SafetensorsFile.Open(Path.Combine(path, TensorFile));
        manifest.Model.Validate(file);
        Dictionary<string, TraceTensor> read = [];
        TensorMap parameters = [];
        foreach (SafetensorsTensor tensor in tensors.Tensors)
        {
            if (tensor.Spec.Name.StartsWith(ParameterPrefix, StringComparison.Ordinal))
                parameters.Add(tensor.Spec.Name[ParameterPrefix.Length..], Tensor(tensor.Spec.Name));
        }
        List<TracedComponent> components = [];
        HashSet<(AlignmentStage, string)> names = [];
        foreach (TraceEntry entry in manifest.Components)
        {
            if (entry is null)
                throw new InputException($"{file}: a component is null");
            if (!names.Add((entry.Stage, entry.Name)))
                throw new InputException($"{file}: the component {MessageText.Quote(entry.Name)} is there twice");
            ComponentCall call = new(entry.Kind, entry.Gradient, entry.Shape ?? manifest.Model, entry.Sequences, entry.MicroBatches);
            TracedComponent component = new(entry.Stage, entry.Name, call, Map(entry.Inputs), Map(entry.Outputs));
            TraceChecks.Require(component, file);
            components.Add(component);
        }
        if (manifest.Training is TrainingCurve curve && (curve.Losses.Count == 0 || (curve.Twin?.Count ?? curve.Losses.Count) != curve.Losses.Count))
            throw new InputException($"{file}: training has {curve.Losses.Count} losses, and {curve.Twin?.Count ?? 0} of its twin");
        return new Trace(manifest.Origin, manifest.Model, parameters, components, manifest.Training);

        TraceTensor Tensor(string name)
        {
            if (!read.TryGetValue(name, out TraceTensor? tensor))
                read.Add(name, tensor = TraceTensor.Read(tensors[name]));
            return tensor;
        }

        TensorMap Map(IReadOnlyDictionary<string, string> roles)
        {
            TensorMap map = [];
            foreach ((string role, string name) in roles)
                map.Add(role, Tensor(name ?? throw new InputException($"{file}: the tensor of {MessageText.Quote(role)} is null")));
            return map;
        }
    }

    private static TraceEntry Describe(TracedComponent component, ModelConfig model, NamedTensors tensors)
    {
        string prefix = $"{JsonNamingPolicy.SnakeCaseLower.ConvertName(component.Stage.ToString())}/{component.Name}/";
        Dictionary<string, string> Names(TensorMap map, string kind) =>
            map.ToDictionary(pair => pair.Key, pair => tensors.Add(pair.Value, $"{prefix}{kind}/{pair.Key}"));
        return new TraceEntry
        {
            Stage = component.Stage,
            Name = component.Name,
            Kind = component.Call.Kind,
            Gradient = component.Call.Gradient,
            Shape = component.Call.Shape == model ? null : component.Call.Shape,
            Sequences = component.Call.Sequences,
            MicroBatches = component.Call.MicroBatches,
            Inputs = Names(component.Inputs, "inputs"),
            Outputs = Names(component.Outputs, "outputs"),
        };
    }

    private static TraceManifest ReadManifest(string path, string file)
    {
        string shown = MessageText.OneLine(file, int.MaxValue);
        FileInfo info = new(file);
        if (!info.Exists)
        {
            throw new InputException(Directory.Exists(path)
                ? $"{MessageText.OneLine(path, int.MaxValue)}: the folder holds no trace (no {TraceManifest.FileName})"
                : $"{MessageText.OneLine(path, int.MaxValue)}: there is no such trace; a trace is a folder that mazij align record has written");
        }
        if (info.Length > MaximumManifestBytes)
            throw new InputException($"{shown}: {info.Length} bytes are too many for a {TraceManifest.FileName}");
        TraceManifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize<TraceManifest>(File.ReadAllBytes(file), TraceManifest.Json)
                ?? throw new InputException($"{shown}: is null; the file is damaged");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or NotSupportedException or ArgumentException)
        {
            throw new InputException($"{shown}: is damaged or no trace: {MessageText.OneLine(error.Message, LongestReason)}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{shown}: cannot be read: {MessageText.OneLine(error.Message, LongestReason)}", error);
        }
        if (manifest.Format != TraceManifest.FormatName)
            throw new InputException($"{shown}: format is {MessageText.Quote(manifest.Format)}, not {TraceManifest.FormatName}");
        if (manifest.Version != TraceManifest.CurrentVersion)
            throw new InputException($"{shown}: has version {manifest.Version}; this program reads {TraceManifest.CurrentVersion}");
        if (!Roundoffs.Dtypes.Contains(manifest.Origin.Dtype))
            throw new InputException($"{shown}: origin.dtype is {MessageText.Quote(manifest.Origin.Dtype)}; it must be {string.Join(", ", Roundoffs.Dtypes)}");
        return manifest;
    }

    /// <summary>Tensors that are stored once, however many components refer to them.</summary>
    private sealed class NamedTensors
    {
        private readonly Dictionary<TraceTensor, string> names = new(ReferenceEqualityComparer.Instance);
        private readonly Dictionary<string, TraceTensor> tensors = [];

        public IEnumerable<(string Name, TraceTensor Tensor)> All => tensors.Select(pair => (pair.Key, pair.Value));

        public TraceTensor this[string name] => tensors[name];

        /// <summary>Adds a tensor unless it is there, and returns its name.</summary>
        public string Add(TraceTensor tensor, string name)
        {
            if (names.TryGetValue(tensor, out string? known))
                return known;
            names.Add(tensor, name);
            tensors.Add(name, tensor);
            return name;
        }
    }
}
