using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Mazij.Data;
using Mazij.Tests.Hostile.Mutations;
using Mazij.Text.Tokenizers;

namespace Mazij.Tests.Hostile.Targets;

/// <summary>A data set with its tokenizer: damaged, when it must be refused or hold the same tokens; and forged with checksums that fit.</summary>
internal sealed class DatasetTarget : HostileTarget
{
    private readonly string[] shards;
    private readonly int[] whole;
    private readonly string wholeManifest;
    private bool isForged;

    public DatasetTarget(HostileWorld world)
    {
        HostileWorld.Copy(world.DataPath, Folder.Path);
        Folder.TakeOriginals();
        shards = [.. Folder.Originals.Keys.Where(file => file.EndsWith(".tokens", StringComparison.Ordinal))];
        Assert.Equal(2, shards.Length);
        using PreparedData data = Open();
        whole = Tokens(data.Dataset);
        wholeManifest = Json(data.Dataset.Manifest);
        List<(string, Mutation)> kinds =
        [
            (DatasetManifest.FileName, JsonMutations.Any), (DatasetManifest.FileName, JsonMutations.Any), (DatasetManifest.FileName, TextMutations.Any),
            (DatasetManifest.FileName, TextMutations.Any), (DatasetManifest.FileName, ByteMutations.Any), (TokenizerFile.Name, ByteMutations.Any),
        ];
        kinds.AddRange(shards.Select(shard => (shard, (Mutation)ByteMutations.Any)));
        Kinds = kinds;
    }

    public override string Name => "dataset";

    public override int Share => 130;

    protected override IReadOnlyList<(string File, Mutation How)> Kinds { get; }

    public override string Damage(Dice dice)
    {
        isForged = dice.OneIn(3);
        if (!isForged)
            return base.Damage(dice);
        string file = dice.Of(shards);
        byte[] before = Folder.Originals[file];
        Mutated forged = ShardMutations.Forge(dice, before);
        Folder.Change(file, forged.Bytes);
        string manifest = Encoding.UTF8.GetString(Folder.Originals[DatasetManifest.FileName]);
        JsonObject forgedManifest = JsonNode.Parse(manifest.Replace(Checksum(before), Checksum(forged.Bytes), StringComparison.Ordinal))!.AsObject();
        Assert.True(forgedManifest.Remove("checksum"));
        Folder.Change(DatasetManifest.FileName, Encoding.UTF8.GetBytes(forgedManifest.ToJsonString()));
        return $"{file}: {forged.What}";
    }

    public override void Read()
    {
        using PreparedData data = Open();
        int[] tokens = Tokens(data.Dataset);
        if (!isForged)
        {
            Assert.Equal(whole, tokens);
            // Every figure of the manifest too, unless the only thing that is gone is its checksum.
            Assert.Equal(wholeManifest, Json(data.Dataset.Manifest));
        }
        Assert.All(tokens, token => Assert.InRange(token, 0, data.Dataset.Manifest.VocabularySize - 1));
        foreach (TokenSplit split in (ReadOnlySpan<TokenSplit>)[data.Dataset.Train, data.Dataset.Validation])
        {
            if (split.Tokens > 0)
                _ = split.DocumentsIn(split.Tokens / 2, 1);
            Assert.Equal(split.Documents, split.EnumerateDocuments().LongCount());
        }
    }

    private PreparedData Open() => PreparedData.Find(new() { Shards = Folder.Path }, new(), Folder.Path)!;

    private static int[] Tokens(TokenDataset dataset)
    {
        int[] tokens = new int[dataset.Train.Tokens + dataset.Validation.Tokens];
        dataset.Train.Read(0, tokens.AsSpan(0, (int)dataset.Train.Tokens));
        dataset.Validation.Read(0, tokens.AsSpan((int)dataset.Train.Tokens));
        return tokens;
    }

    private static string Json(DatasetManifest manifest) => JsonSerializer.Serialize(manifest with { Checksum = null });

    private static string Checksum(byte[] shard) =>
        XxHash128.HashToUInt128(shard.AsSpan(0, ShardFormat.HeaderBytes)).ToString("x32", System.Globalization.CultureInfo.InvariantCulture);
}
