namespace Mazij.Formats.Safetensors;

/// <summary>
/// The weights of a Hugging Face style folder: model.safetensors, or shards named by model.safetensors.index.json.
/// Safe to share between threads.
/// </summary>
internal sealed class SafetensorsFolder : IDisposable
{
    /// <summary>The file name of weights that are not sharded.</summary>
    public const string SingleFileName = "model.safetensors";

    private readonly string path;
    private readonly List<SafetensorsFile> files;
    private readonly Dictionary<string, SafetensorsTensor> byName;

    private SafetensorsFolder(string path, List<SafetensorsFile> files, Dictionary<string, SafetensorsTensor> byName)
    {
        this.path = path;
        this.files = files;
        this.byName = byName;
    }

    /// <summary>The names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => byName.Keys;

    /// <summary>All tensors.</summary>
    public IReadOnlyCollection<SafetensorsTensor> Tensors => byName.Values;

    /// <summary>The tensor of a name.</summary>
    /// <exception cref="InputException">There is none; names the nearest.</exception>
    public SafetensorsTensor this[string name] => Find(name) ?? throw Wrong(
        path, $"has no tensor {MessageText.Quote(name)}{Configuration.NearestName.Hint(name, byName.Keys)}");

    /// <summary>The tensor of a name, or null.</summary>
    public SafetensorsTensor? Find(string name) => byName.GetValueOrDefault(name);

    /// <summary>Opens the weights and checks every shard.</summary>
    /// <param name="path">A folder, or a .safetensors file.</param>
    /// <exception cref="InputException">No weights, a missing or damaged shard, an index that contradicts the
    /// shards.</exception>
    public static SafetensorsFolder Open(string path)
    {
        string single = Directory.Exists(path) ? Path.Combine(path, SingleFileName) : path;
        string index = Path.Combine(path, SafetensorsIndex.FileName);
        List<SafetensorsFile> files = [];
        Dictionary<string, SafetensorsTensor> byName = [];
        try
        {
            // As the Hugging Face loaders do: the single file wins.
            if (File.Exists(single))
                OpenSingle(single, files, byName);
            else if (File.Exists(index))
                OpenShards(path, index, files, byName);
            else if (Directory.Exists(path))
                throw Wrong(path, $"holds no weights (neither {SingleFileName} nor {SafetensorsIndex.FileName})");
            else
                throw Wrong(path, "there is no such file or folder");
            return new SafetensorsFolder(path, files, byName);
        }
        catch
        {
            files.ForEach(file => file.Dispose());
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => files.ForEach(file => file.Dispose());

    private static void OpenSingle(
        string path, List<SafetensorsFile> files, Dictionary<string, SafetensorsTensor> byName)
    {
        SafetensorsFile file = SafetensorsFile.Open(path);
        files.Add(file);
        foreach (SafetensorsTensor tensor in file.Tensors)
            byName.Add(tensor.Spec.Name, tensor);
    }

    private static void OpenShards(
        string folder, string index, List<SafetensorsFile> files, Dictionary<string, SafetensorsTensor> byName)
    {
        Dictionary<string, SafetensorsFile> shards = [];
        foreach ((string name, string shard) in SafetensorsIndex.Read(index))
        {
            if (!shards.TryGetValue(shard, out SafetensorsFile? file))
            {
                string path = Path.Combine(folder, shard);
                if (!File.Exists(path))
                    throw Wrong(index, $"names the shard {MessageText.Quote(shard)}, which is missing");
                file = SafetensorsFile.Open(path);
                files.Add(file);
                shards.Add(shard, file);
            }
            byName.Add(name, file.Find(name) ?? throw Wrong(index,
                $"says that {MessageText.Quote(name)} is in {MessageText.Quote(shard)}, which does not have it"));
        }
    }

    private static InputException Wrong(string path, string problem) =>
        new($"{MessageText.OneLine(path, int.MaxValue)}: {problem}");
}
