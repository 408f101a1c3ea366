using System.IO.Hashing;
using System.Text.Json;
using Mazij.Data;
using Mazij.Tests.Data;
using Mazij.Tests.Hostile.Mutations;

namespace Mazij.Tests.Hostile.Targets;

/// <summary>What an interrupted build left: the next build goes on with it or starts over, to the same data set.</summary>
internal sealed class UnfinishedBuildTarget : HostileTarget
{
    private const string Corpus = "corpus.jsonl", Data = "data", Building = "data.building";
    private static readonly string state = Path.Combine(Building, "build.state");
    private static readonly DatasetOptions options = new() { ValidationFraction = 0.3, ShardBytes = 300_000, CheckpointBytes = 1, Threads = 1 };
    private readonly Dictionary<string, byte[]> whole;

    public UnfinishedBuildTarget()
    {
        File.WriteAllLines(Folder[Corpus], HostileWorld.Texts(26, words: 6500).Select(text => JsonSerializer.Serialize(new { text })));
        Build(stopAfter: long.MaxValue);
        whole = Files();
        Directory.Delete(Folder[Data], recursive: true);
        Build(stopAfter: 1);
        Folder.TakeOriginals();
        string[] files = [.. Folder.Originals.Keys.Where(file => file != Corpus)];
        Assert.Contains(state, files);
        Kinds = [(state, ByteMutations.Any), (state, Forge), (state, Forge), (state, Forge), .. files.Where(file => file != state).Select(file => (file, (Mutation)ByteMutations.Any))];
    }

    public override string Name => "unfinished-build";

    public override int Share => 5;

    public override bool Writes => true;

    protected override IReadOnlyList<(string File, Mutation How)> Kinds { get; }

    public override void Read()
    {
        Build(stopAfter: long.MaxValue);
        Dictionary<string, byte[]> found = Files();
        Assert.Equal(whole.Keys.Order(StringComparer.Ordinal), found.Keys.Order(StringComparer.Ordinal));
        Assert.All(whole, file => Assert.Equal(file.Value, found[file.Key]));
    }

    private static Mutated? Forge(Dice dice, byte[] bytes)
    {
        if (bytes.Length < 32 || ByteMutations.Any(dice, bytes[..^16]) is not Mutated mutated)
            return null;
        return new Mutated([.. mutated.Bytes, .. XxHash128.Hash(mutated.Bytes)], "forged: " + mutated.What);
    }

    private void Build(long stopAfter)
    {
        using CancellationTokenSource stop = new();
        try
        {
            DatasetBuilder.Build(Mazij.Text.Corpora.Corpus.Open([Folder[Corpus]]), new ByteTokenizer(), Folder[Data], options, progress =>
            {
                if (progress.Reading is not null && progress.Documents >= stopAfter)
                    stop.Cancel();
            }, stop.Token);
        }
        catch (OperationCanceledException) when (stopAfter < long.MaxValue)
        {
        }
    }

    private Dictionary<string, byte[]> Files() =>
        Directory.EnumerateFiles(Folder[Data], "*", SearchOption.AllDirectories).ToDictionary(path => Path.GetRelativePath(Folder[Data], path), File.ReadAllBytes);
}
