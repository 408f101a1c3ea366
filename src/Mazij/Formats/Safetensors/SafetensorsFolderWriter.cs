using System.Text.RegularExpressions;

namespace Mazij.Formats.Safetensors;

/// <summary>Writes weights into a folder, in one file or in shards with an index, as Hugging Face's loaders read
/// them.</summary>
internal static partial class SafetensorsFolderWriter
{
    /// <summary>Largest shard unless told otherwise: 5 GB, what Hugging Face writes.</summary>
    public const long DefaultShardBytes = 5_000_000_000;

    /// <summary>
    /// Writes the tensors, in their order, into shards of at most <paramref name="maximumShardBytes"/> (a larger tensor
    /// gets a shard of its own); one shard alone is model.safetensors without an index. Weights that were there before
    /// are replaced: whenever this is interrupted, the folder holds the old weights, the new ones, or none that open.
    /// </summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="tensors">The tensors; names are distinct.</param>
    /// <param name="fill">Gives their bytes.</param>
    /// <param name="maximumShardBytes">Largest sum of tensor bytes in a shard.</param>
    /// <exception cref="ArgumentException">Two tensors of one name, or a name that is reserved.</exception>
    public static void Write(
        string folder, IReadOnlyList<TensorSpec> tensors, TensorFill fill, long maximumShardBytes = DefaultShardBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maximumShardBytes);
        SafetensorsWriter.CheckNames(tensors);
        List<List<TensorSpec>> shards = Split(tensors, maximumShardBytes);
        string index = Path.Combine(folder, SafetensorsIndex.FileName);
        string single = Path.Combine(folder, SafetensorsFolder.SingleFileName);
        // Without the old index, no mixture of old and new shards can be taken for a model.
        File.Delete(index);
        HashSet<string> written = [];
        if (shards.Count == 1)
        {
            SafetensorsWriter.Write(single, shards[0], fill);
        }
        else
        {
            List<KeyValuePair<string, string>> map = [];
            for (int i = 0; i < shards.Count; i++)
            {
                string name = $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors";
                SafetensorsWriter.Write(Path.Combine(folder, name), shards[i], fill);
                written.Add(name);
                map.AddRange(shards[i].Select(tensor => KeyValuePair.Create(tensor.Name, name)));
            }
            File.Delete(single);
            SafetensorsIndex.Write(index, map, tensors.Sum(tensor => tensor.ByteLength));
        }
        foreach (string path in Directory.GetFiles(folder, "model-*.safetensors"))
        {
            string name = Path.GetFileName(path);
            if (ShardName().IsMatch(name) && !written.Contains(name))
                File.Delete(path);
        }
    }

    private static List<List<TensorSpec>> Split(IReadOnlyList<TensorSpec> tensors, long maximumBytes)
    {
        List<List<TensorSpec>> shards = [[]];
        long bytes = 0;
        foreach (TensorSpec tensor in tensors)
        {
            if (shards[^1].Count > 0 && tensor.ByteLength > maximumBytes - bytes)
            {
                shards.Add([]);
                bytes = 0;
            }
            shards[^1].Add(tensor);
            bytes += tensor.ByteLength;
        }
        return shards;
    }

    [GeneratedRegex(@"^model-[0-9]{5,}-of-[0-9]{5,}\.safetensors\z", RegexOptions.CultureInvariant)]
    private static partial Regex ShardName();
}
