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
            file = FileOf(finished.Count);
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

    /// <summary>Writes down what is needed to go on later, and makes durable what is on disk.</summary>
    public byte[] Save()
    {
        using MemoryStream saved = new();
        using BinaryWriter target = new(saved);
        foreach (long count in (ReadOnlySpan<long>)[Tokens, Documents, TextBytes]) target.Write(count);
        target.Write(finished.Count);
        foreach (ShardManifest shard in finished)
        {
            target.Write(shard.File);
            target.Write(shard.Tokens);
            target.Write(shard.Documents);
            target.Write(shard.Checksum);
        }
        target.Write(current is not null);
        if (current is not null)
        {
            target.Write(file);
            current.Save(target);
        }
        target.Flush();
        return saved.ToArray();
    }

    /// <summary>Goes on from what <see cref="Save"/> gave: checks the shards on disk and removes what came after.</summary>
    /// <exception cref="UnfinishedBuildException">A shard is missing or damaged.</exception>
    public void Restore(byte[] saved)
    {
        using BinaryReader source = new(new MemoryStream(saved));
        try
        {
            (Tokens, Documents, TextBytes) = (source.ReadInt64(), source.ReadInt64(), source.ReadInt64());
            int count = source.ReadInt32();
            while (finished.Count < count)
            {
                file = NextFile(source);
                finished.Add(new ShardManifest(file, source.ReadInt64(), source.ReadInt64(), source.ReadString()));
            }
            foreach (ShardManifest shard in finished) Verify(shard);
            if (source.ReadBoolean())
            {
                file = NextFile(source);
                current = ShardWriter.Restore(Path.Combine(root, file), vocabularySize, tokenizerHash, source);
            }
        }
        catch (Exception e) when (e is InputException || SavedBytes.IsDamage(e))
        {
            throw new UnfinishedBuildException("its shards are damaged", textWasRead: false);
        }
        RemoveOthers();
    }

    public void Dispose() => current?.Dispose();

    private string FileOf(int number) => string.Create(CultureInfo.InvariantCulture, $"{name}/{number:d5}.tokens");

    /// <summary>Reads the name of the next shard, which can only be one: files are cut off and removed by it.</summary>
    private string NextFile(BinaryReader source) =>
        source.ReadString() == FileOf(finished.Count) ? FileOf(finished.Count) : throw new InvalidDataException("a shard has the name of another file");

    private void Verify(ShardManifest manifest)
    {
        using TokenShard shard = TokenShard.Open(Path.Combine(root, manifest.File), manifest.Checksum);
        for (int block = 0; block < shard.Blocks; block++) shard.VerifyBlock(block);
    }

    private void RemoveOthers()
    {
        string folder = Path.Combine(root, name);
        if (!Directory.Exists(folder)) return;
        HashSet<string> known = [.. finished.Select(shard => Path.GetFileName(shard.File))];
        if (current is not null) known.Add(Path.GetFileName(file));
        foreach (string path in Directory.GetFiles(folder))
        {
            if (!known.Contains(Path.GetFileName(path))) File.Delete(path);
        }
    }

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
