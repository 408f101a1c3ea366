using System.Globalization;

namespace Mazij.Data;

/// <summary>Writes the shards of one split, a new one whenever the last is full.</summary>
internal sealed class SplitWriter(string root, string name, long shardBytes, int vocabularySize, byte[] tokenizerHash)
    : IDisposable
{
    private readonly List<ShardManifest> finished = [];
    private ShardWriter? current;
    private string file = "";

    public long Tokens { get; private set; }

    public long Documents { get; private set; }

    public long TextBytes { get; private set; }

    public void Add(string source, long index, int documentBytes, ReadOnlySpan<int> ids)
    {
        if (current is null)
        {
            file = string.Create(CultureInfo.InvariantCulture, $"{name}/{finished.Count:d5}.tokens");
            Directory.CreateDirectory(Path.Combine(root, name));
            current = new ShardWriter(Path.Combine(root, file), vocabularySize, tokenizerHash);
        }
        current.Add(source, index, documentBytes, ids);
        Documents++;
        Tokens += ids.Length;
        TextBytes += documentBytes;
        if (current.Bytes >= shardBytes) FinishShard();
    }

    public SplitManifest Finish()
    {
        FinishShard();
        return new SplitManifest { Tokens = Tokens, Documents = Documents, TextBytes = TextBytes, Shards = finished };
    }

    public void Dispose() => current?.Dispose();

    private void FinishShard()
    {
        if (current is null) return;
        UInt128 checksum = current.Finish();
        finished.Add(new ShardManifest(
            file, current.Tokens, current.Documents, checksum.ToString("x32", CultureInfo.InvariantCulture)));
        current.Dispose();
        current = null;
    }
}
