using Mazij.Tests.Data;
using Mazij.Training;
using Mazij.Training.Reports;

namespace Mazij.Tests.Training.Reports;

public sealed class ExpertLoadTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private string Path => folder["expert-load.jsonl"];

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_file_grows_slowly_and_no_choice_is_lost()
    {
        new FakeRun(3000, [new ExpertLoadFile(Path)], load: step => [[step, 1], [2, 2]]).RunAndClose();
        string[] lines = File.ReadAllLines(Path);
        Assert.InRange(lines.Length, 256, 1100);
        long first = lines.Sum(line => System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("load")[0][0].GetInt64());
        Assert.Equal(3000L * 3001 / 2, first);
    }

    [Fact]
    public void The_history_tells_the_ratio_of_each_layer_and_the_shares_at_the_end()
    {
        // Layer 0 goes from one expert alone to balance; layer 1 is balanced all along.
        new FakeRun(200, [new ExpertLoadFile(Path)], load: step => [step <= 100 ? [4, 0] : [3, 1], [2, 2]]).RunAndClose();
        ExpertLoadHistory history = ExpertLoadHistory.Load(Path)!;
        Assert.Equal(2, history.Layers.Count);
        Assert.Equal(2, history.Layers[0].Points.First().Mean);
        Assert.Equal(1.5, history.Layers[0].Points.Last().Mean);
        Assert.All(history.Layers[1].Points, point => Assert.Equal(1, point.Mean));
        Assert.Equal(200, history.LastStep);
        Assert.Equal([[1.5, 0.5], [1.0, 1.0]], history.FinalShares);
        Assert.InRange(history.FinalFrom, 180, 200);
    }

    [Fact]
    public void A_resumed_run_goes_on_behind_its_checkpoint()
    {
        new FakeRun(20, [new ExpertLoadFile(Path)], load: _ => [[1, 1]]).RunAndClose();
        TrainingProgress start = new() { Step = 10, Tokens = 10 * FakeRun.TokensPerStep };
        new FakeRun(15, [new ExpertLoadFile(Path)], load: _ => [[1, 1]], start: start).RunAndClose();
        Assert.Equal(15, File.ReadLines(Path).Count());
        Assert.Equal(15, ExpertLoadHistory.Load(Path)!.LastStep);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}\n")]
    [InlineData("{\"step\":1,\"steps\":1,\"load\":[[]]}\n")]
    [InlineData("{\"step\":1,\"steps\":1,\"load\":[[1,\"2\"]]}\n{\"step\":1,\"steps\":1,\"load\":[[-1,2]]}\n")]
    public void What_is_no_load_gives_no_history(string text)
    {
        folder.Write("expert-load.jsonl", text);
        Assert.Null(ExpertLoadHistory.Load(Path));
    }

    [Fact]
    public void A_dense_model_leaves_no_line()
    {
        new FakeRun(5, [new ExpertLoadFile(Path)]).RunAndClose();
        Assert.Equal("", File.ReadAllText(Path));
    }
}
