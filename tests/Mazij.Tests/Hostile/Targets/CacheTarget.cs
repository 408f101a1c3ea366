using Mazij.Data;
using Mazij.Tests.Hostile.Mutations;

namespace Mazij.Tests.Hostile.Targets;

/// <summary>Prepared data in the cache: whatever became of it, a run gets the data that its corpus gives.</summary>
internal sealed class CacheTarget : HostileTarget
{
    private readonly HostileWorld world;
    private readonly Dictionary<string, byte[]> whole;

    public CacheTarget(HostileWorld world)
    {
        this.world = world;
        string entry = Path.Combine("data", Path.GetFileName(world.DataPath));
        HostileWorld.Copy(world.DataPath, Folder[entry]);
        Folder.TakeOriginals();
        whole = Files(world.DataPath);
        Kinds =
        [
            .. Folder.Originals.Keys.SelectMany(file => file.EndsWith(".json", StringComparison.Ordinal)
                ? new (string, Mutation)[] { (file, JsonMutations.Any), (file, TextMutations.Any) }
                : [(file, ByteMutations.Any)]),
        ];
    }

    public override string Name => "cache";

    public override int Share => 6;

    public override bool Writes => true;

    protected override IReadOnlyList<(string File, Mutation How)> Kinds { get; }

    public override void Read()
    {
        using PreparedData data = PreparedData.Find(world.Config.Data, world.Config.Tokenizer, Folder.Path)
            ?? PreparedData.Make(world.Config.Data, world.Config.Tokenizer, Folder.Path, threads: 1, _ => { }, CancellationToken.None);
        Dictionary<string, byte[]> found = Files(data.Folder);
        foreach (string file in whole.Keys.Where(file => file.EndsWith(".tokens", StringComparison.Ordinal)))
            Assert.Equal(whole[file], found[file]);
    }

    private static Dictionary<string, byte[]> Files(string folder) =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).ToDictionary(path => Path.GetRelativePath(folder, path), File.ReadAllBytes);
}
