using Mazij.Configuration;
using Mazij.Tests.Hostile.Mutations;
using Mazij.Training;

namespace Mazij.Tests.Hostile.Targets;

/// <summary>Run files: as people write them, and as a run's folder keeps them with every key.</summary>
internal sealed class RunFileTarget : HostileTarget
{
    private const string Written = "written.yaml", Kept = "kept.yaml";

    public RunFileTarget(HostileWorld world)
    {
        File.Copy(world.RunFile, Folder[Written]);
        File.Copy(RunFolder.At(world.RunPath).ConfigFile, Folder[Kept]);
        Folder.TakeOriginals();
    }

    public override string Name => "run-file";

    public override int Share => 140;

    protected override IReadOnlyList<(string File, Mutation How)> Kinds { get; } =
    [
        (Written, YamlMutations.Any), (Written, YamlMutations.Any), (Written, TextMutations.Any), (Written, TextMutations.Any), (Written, ByteMutations.Any),
        (Kept, TextMutations.Any), (Kept, YamlMutations.Any), (Kept, ByteMutations.Any),
    ];

    public override void Read()
    {
        foreach (string file in (ReadOnlySpan<string>)[Written, Kept])
        {
            RunConfig config = RunConfig.Load(Folder[file], []);
            string yaml = config.ToYaml();
            // What was read is what it says, no less: it can be written down and read again.
            Assert.Equal(yaml, RunConfig.Load(new YamlSource(Folder[file], yaml), []).ToYaml());
            if (config.Model.Path is null)
                _ = RunModel.Resolve(config.Model, Folder[file]);
        }
    }
}
