using Mazij.Configuration;
using Mazij.Tests.Hostile.Mutations;
using Mazij.Training;
using Mazij.Training.Reports;

namespace Mazij.Tests.Hostile.Targets;

/// <summary>What a run leaves for people: whatever became of it, the rest is still told.</summary>
internal sealed class RunFolderTarget : HostileTarget
{
    private readonly bool draws;
    private readonly RunConfig config;

    /// <param name="world">Where the run is from.</param>
    /// <param name="draws">Whether the pictures are drawn too, which takes long.</param>
    public RunFolderTarget(HostileWorld world, bool draws)
    {
        this.draws = draws;
        config = world.Config;
        RunFolder run = RunFolder.At(world.RunPath);
        foreach (string file in (ReadOnlySpan<string>)[run.ConfigFile, run.FactsFile, run.MetricsFile, run.SamplesFile, run.ExpertLoadFile])
            File.Copy(file, Folder[Path.GetFileName(file)]);
        Folder.TakeOriginals();
        Mutation[] how = [TextMutations.Any, TextMutations.Any, ByteMutations.Any];
        Kinds =
        [
            .. Folder.Originals.Keys.SelectMany(file => how.Select(mutation => (file, mutation))),
            ("run.json", JsonMutations.Any), ("run.json", JsonMutations.Any),
        ];
    }

    public override string Name => draws ? "pictures" : "run-folder";

    public override int Share => draws ? 4 : 90;

    public override bool Writes => true;

    public override long FreeBytes => draws ? 256L << 20 : base.FreeBytes;

    protected override IReadOnlyList<(string File, Mutation How)> Kinds { get; }

    public override void Read()
    {
        Assert.All(RunSummary.FoldersIn(Path.GetDirectoryName(Folder.Path)!), folder => Assert.Equal(Folder.Path, folder));
        RunFolder run = RunFolder.At(Folder.Path);
        RunSummary summary = RunSummary.Read(Folder.Path);
        _ = (summary.Cost, summary.TokensPerSecond, summary.History.RecentLoss, summary.History.MeanTokensPerSecond);
        ExpertLoadHistory? experts = ExpertLoadHistory.Load(run.ExpertLoadFile);
        if (draws)
        {
            LossPlot.Write(summary.History, run.Name, run.LossPicture);
            if (experts is not null)
                ExpertLoadPlot.Write(experts, run.Name, run.ExpertLoadPicture);
            return;
        }
        if (summary.Facts is RunFacts facts)
        {
            XzBaseline[] xz = [.. Enumerable.Repeat(new XzBaseline(null, "not measured"), Math.Max(1, facts.Data.Sources.Count))];
            RunReport report = new(run.Name, config, facts, summary.History, experts, xz, SampleFile.Stages(run.SamplesFile), null);
            Assert.NotEmpty(report.ToMarkdown());
        }
        if (!Directory.Exists(run.MetricsFile))
        {
            using StepLog log = new(run.MetricsFile);
            log.Open(lastStep: 4);
        }
    }
}
