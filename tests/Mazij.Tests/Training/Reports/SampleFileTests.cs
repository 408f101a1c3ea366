using Mazij.Tests.Data;
using Mazij.Training;
using Mazij.Training.Reports;

namespace Mazij.Tests.Training.Reports;

public sealed class SampleFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_stages_are_the_first_the_middle_and_the_last()
    {
        new FakeRun(100, [new SampleFile(folder["samples.jsonl"]), new Writer(10)]).RunAndClose();
        IReadOnlyList<SampleRecord> stages = SampleFile.Stages(folder["samples.jsonl"]);
        Assert.Equal([10, 10, 50, 50, 100, 100], stages.Select(sample => sample.Step));
        Assert.Equal(new SampleRecord(50, "b\n", "text 50 \"größe\""), stages[3]);
    }

    [Fact]
    public void One_step_alone_is_every_stage()
    {
        new FakeRun(1, [new SampleFile(folder["samples.jsonl"]), new Writer(1)]).RunAndClose();
        Assert.Equal([1, 1], SampleFile.Stages(folder["samples.jsonl"]).Select(sample => sample.Step));
    }

    [Fact]
    public void Damaged_lines_and_a_missing_file_give_what_is_left()
    {
        Assert.Empty(SampleFile.Stages(folder["none.jsonl"]));
        folder.Write("samples.jsonl", "{\"step\":1,\"prompt\":\"a\",\"text\":\"b\"}\n{}\nnull\n[1]\n{\"step\":\"x\"}\n{\"step\":2,\"pro");
        Assert.Equal("b", Assert.Single(SampleFile.Stages(folder["samples.jsonl"])).Text);
    }

    private sealed class Writer(int every) : TrainingCallback
    {
        public override void StepDone(Trainer trainer, StepRecord record)
        {
            if (record.Step % every != 0)
                return;
            trainer.Show(new SampleRecord(record.Step, "a", $"text {record.Step}"));
            trainer.Show(new SampleRecord(record.Step, "b\n", $"text {record.Step} \"größe\""));
        }
    }
}
