using Mazij.Configuration;
using Mazij.Tests.Data;
using Mazij.Training.Reports;

namespace Mazij.Tests.Training.Reports;

public sealed class RunSummaryTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(RunStatus.Complete, RunState.Complete)]
    [InlineData(RunStatus.Interrupted, RunState.Interrupted)]
    [InlineData(RunStatus.Failed, RunState.Failed)]
    [InlineData(RunStatus.Running, RunState.Running)]
    internal void A_run_stands_as_its_facts_say(RunStatus status, RunState expected)
    {
        WriteRun("a", facts => facts with { Status = status, Reason = status == RunStatus.Failed ? "why" : null });
        RunSummary run = RunSummary.Read(folder["a"]);
        Assert.Equal((expected, 1L), (run.State, run.History.LastStep!.Step));
        Assert.Equal(status == RunStatus.Failed ? "why" : null, run.Reason);
        Assert.Equal(2, run.Cost);
    }

    [Fact]
    public void A_run_whose_process_is_gone_was_killed()
    {
        // No process has this number: it is above the largest that Linux, macOS or Windows gives.
        WriteRun("a", facts => facts with { Status = RunStatus.Running, ProcessId = int.MaxValue });
        Assert.Equal(RunState.Killed, RunSummary.Read(folder["a"]).State);
        // This process began long after that run's last word, so its number was used again.
        WriteRun("b", facts => facts with { Status = RunStatus.Running, Updated = facts.Updated.AddYears(-1) });
        Assert.Equal(RunState.Killed, RunSummary.Read(folder["b"]).State);
    }

    [Fact]
    public void A_run_elsewhere_is_running_while_it_writes()
    {
        WriteRun("a", facts => facts with { Status = RunStatus.Running, Host = "elsewhere", ProcessId = int.MaxValue });
        Assert.Equal(RunState.Running, RunSummary.Read(folder["a"]).State);
        WriteRun("b", facts => facts with { Status = RunStatus.Running, Host = "elsewhere", Updated = facts.Updated.AddDays(-1) });
        File.SetLastWriteTimeUtc(folder["b/metrics.jsonl"], DateTime.UtcNow.AddDays(-1));
        Assert.Equal(RunState.Killed, RunSummary.Read(folder["b"]).State);
    }

    [Theory]
    [InlineData("run.json", "{", "not the facts of a run")]
    [InlineData("run.json", "null", "holds null")]
    [InlineData("run.json", "{\"status\":\"asleep\"}", "not the facts of a run")]
    [InlineData("run.json", null, "is missing")]
    public void What_is_broken_is_said_and_the_rest_is_read(string file, string? text, string problem)
    {
        WriteRun("a", facts => facts);
        if (text is null)
            File.Delete(folder["a/" + file]);
        else
            folder.Write("a/" + file, text);
        RunSummary run = RunSummary.Read(folder["a"]);
        Assert.Equal((RunState.Broken, 1L), (run.State, run.History.LastStep!.Step));
        Assert.Contains(problem, run.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_sources_of_one_name_or_none_at_all_are_refused()
    {
        SourceFacts web = new("web", 0.5, 0, "web.jsonl", "shards", 0, new SplitFacts(9, 30, 12), new SplitFacts(1, 3, 1), 12, null);
        SourceFacts books = web with { Name = "books" };
        foreach ((SourceFacts?[] sources, string? problem) in new[]
        {
            ([web, books], null), ([web, web], "two sources are named 'web'"), (new[] { web, null }, "null instead of a source"),
        })
        {
            WriteRun("a", facts => facts with { Data = facts.Data with { Sources = sources! } });
            RunSummary run = RunSummary.Read(folder["a"]);
            Assert.Equal(problem is null ? RunState.Complete : RunState.Broken, run.State);
            Assert.Contains(problem ?? "", run.Reason ?? "", StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_damaged_run_file_or_no_metrics_leave_what_else_there_is()
    {
        WriteRun("a", facts => facts);
        folder.Write("a/run.yaml", "training: [");
        File.Delete(folder["a/metrics.jsonl"]);
        RunSummary run = RunSummary.Read(folder["a"]);
        Assert.Equal(RunState.Complete, run.State);
        Assert.Contains("run.yaml", run.Reason, StringComparison.Ordinal);
        Assert.Null(run.Cost);
        Assert.Null(run.History.LastStep);
    }

    [Fact]
    public void Runs_are_found_by_what_they_leave()
    {
        WriteRun("runs/b", facts => facts);
        folder.Write("runs/a/metrics.jsonl", "");
        folder.Write("runs/c/run.yaml", "");
        folder.Write("runs/other/notes.txt", "");
        folder.Write("runs/run.yaml", "");
        Assert.Equal([folder["runs/a"], folder["runs/b"], folder["runs/c"]], RunSummary.FoldersIn(folder["runs"]));
        Assert.Equal([folder["runs/b"]], RunSummary.FoldersIn(folder["runs/b"]));
        Assert.Throws<InputException>(() => RunSummary.FoldersIn(folder["nowhere"]));
        Assert.Throws<InputException>(() => RunSummary.Read(folder["runs/other"]));
    }

    [Fact]
    public void Run_files_differ_in_the_keys_that_differ()
    {
        RunConfig first = new(), second = first with { Training = first.Training with { Seed = 5, SamplePrompts = ["a"] } };
        Assert.Equal(
            [("training.seed", "1234 - 5"), ("training.sample_prompts", "[] - [a]")],
            RunDifferences.Find([first, null, second]).Select(difference => (difference.Key, string.Join(' ', difference.Values))));
        Assert.Empty(RunDifferences.Find([first, first]));
    }

    private void WriteRun(string name, Func<RunFacts, RunFacts> change)
    {
        RunFacts facts = new()
        {
            Status = RunStatus.Complete,
            Started = DateTime.UtcNow.AddHours(-1),
            Updated = DateTime.UtcNow,
            Sessions = 1,
            SessionFrom = 0,
            Seconds = 3600,
            Host = Environment.MachineName,
            ProcessId = Environment.ProcessId,
            Machine = new MachineFacts("A CPU", "cpu", "bf16", 2, null, "Linux", "1.0", "10.0", null),
            Model = new ModelFacts("bailing_moe", 4, 256, 8, 2, 1, 12, 7, 33),
            Data = new DataFacts("web.jsonl", "shards", 8192, 3, new SplitFacts(90, 300, 120), new SplitFacts(10, 30, 12), 12, null),
        };
        RunConfig config = new()
        {
            Training = new TrainingConfig { Stop = new StopConfig { Steps = 1 } },
            Cost = new CostConfig { PricePerHour = 2 },
        };
        folder.Write(name + "/run.yaml", config.ToYaml());
        folder.Write(name + "/metrics.jsonl", "{\"step\":1,\"tokens\":8,\"loss\":3,\"seconds\":10}\n");
        change(facts).Write(folder[name + "/run.json"]);
    }
}
