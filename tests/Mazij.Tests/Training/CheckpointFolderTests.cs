using System.IO.Hashing;
using System.Text.Json;
using Mazij.Data;
using Mazij.Tests.Data;
using Mazij.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Training;

public sealed class CheckpointFolderTests : IDisposable
{
    private static readonly string[] tensorFiles =
        ["weights.safetensors", "first_moment.safetensors", "second_moment.safetensors"];

    private readonly TemporaryFolder temporary = new();

    private CheckpointFolder Folder => new(temporary["checkpoints"]);

    public void Dispose() => temporary.Dispose();

    [Theory]
    [InlineData("weights.safetensors")]
    [InlineData("first_moment.safetensors")]
    [InlineData("second_moment.safetensors")]
    [InlineData("checkpoint.json")]
    public void A_truncated_changed_or_missing_file_is_refused_by_name(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        string path = Path.Combine(SaveOne(), name);
        byte[] bytes = File.ReadAllBytes(path);
        using TestRun run = new(TestRun.Ling2, TestRun.Settings);
        float[] before = run.State();
        void Refused(string how)
        {
            InputException error = Assert.Throws<InputException>(() => run.Checkpoint.Load(Folder, 2));
            Assert.True(error.Message.Contains(path, StringComparison.Ordinal), $"{how}: {error.Message}");
            Assert.DoesNotContain('\n', error.Message);
            Assert.Equal(before, run.State());
        }
        foreach (int length in (int[])[0, 1, bytes.Length / 2, bytes.Length - 1])
        {
            File.WriteAllBytes(path, bytes[..length]);
            if (name != "checkpoint.json" || length < bytes.Length - 1) // The last byte there is the end of the line.
                Refused($"cut to {length} bytes");
        }
        foreach (int position in (int[])[0, 9, bytes.Length / 3, bytes.Length - 5])
        {
            byte[] changed = [.. bytes];
            changed[position] ^= 0x10;
            File.WriteAllBytes(path, changed);
            if (name != "checkpoint.json" || !char.IsWhiteSpace((char)bytes[position]))
                Refused($"byte {position} changed");
        }
        File.WriteAllBytes(path, [.. bytes, 0]);
        Refused("a byte too long");
        File.Delete(path);
        Refused("missing");
        File.WriteAllBytes(path, bytes);
        Assert.Equal(2, run.Checkpoint.Load(Folder, 2).Progress.Step);
    }

    [Fact]
    public void No_flipped_bit_of_the_state_goes_unnoticed()
    {
        using DisposeScope scope = NewDisposeScope();
        string path = Path.Combine(SaveOne(), CheckpointState.FileName);
        byte[] bytes = File.ReadAllBytes(path);
        string original = JsonSerializer.Serialize(Folder.Read(2), CheckpointState.Json);
        for (int position = 0; position < bytes.Length; position += 3)
        {
            byte[] changed = [.. bytes];
            changed[position] ^= (byte)(1 << position % 8);
            File.WriteAllBytes(path, changed);
            string? read = null;
            try
            {
                read = JsonSerializer.Serialize(Folder.Read(2), CheckpointState.Json);
            }
            catch (InputException)
            {
                continue;
            }
            Assert.True(read == original, $"bit {position % 8} of byte {position} changed the state unnoticed");
        }
    }

    [Fact]
    public void A_renamed_checkpoint_and_those_of_another_run_are_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        string path = SaveOne();
        string Refusal(TestRun run, long step)
        {
            using (run)
                return Assert.Throws<InputException>(() => run.Checkpoint.Load(Folder, step)).Message;
        }
        string seed = Refusal(new TestRun(TestRun.Ling2, TestRun.Settings with { Seed = 8 }), 2);
        string model = Refusal(new TestRun(TestRun.Ling2 with { NumExpertsPerTok = 1 }, TestRun.Settings), 2);
        Assert.All([seed, model], message => Assert.Contains(path, message, StringComparison.Ordinal));
        Assert.Contains("seed", seed, StringComparison.Ordinal);
        Assert.Contains("num_experts_per_tok", model, StringComparison.Ordinal);

        using (TestRun run = new(TestRun.Ling2, TestRun.Settings))
        {
            ModelCheckpoint otherTokenizer = new(run.Model, run.Optimizer, TestRun.Settings, "other ids");
            InputException error = Assert.Throws<InputException>(() => otherTokenizer.Load(Folder, 2));
            Assert.Contains("tokenizer", error.Message, StringComparison.Ordinal);
        }
        Directory.Move(path, Folder.PathOf(3));
        string renamed = Refusal(new TestRun(TestRun.Ling2, TestRun.Settings), 3);
        Assert.Contains(Folder.PathOf(3), renamed, StringComparison.Ordinal);
        Assert.Contains("renamed", renamed, StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_of_another_version_is_refused_as_such_whatever_else_it_holds()
    {
        Write(1, null);
        File.WriteAllText(Path.Combine(Folder.PathOf(1), CheckpointState.FileName), "{ \"version\": 1, \"progress\": {} }");
        InputException error = Assert.Throws<InputException>(() => Folder.Read(1));
        Assert.Contains("version 1 of the checkpoint format; this program reads version 2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Pruning_keeps_the_newest_and_the_best()
    {
        double?[] losses = [5.0, 3.0, null, 4.0, 4.5, null];
        for (int step = 1; step <= losses.Length; step++)
            Write(step, losses[step - 1]);
        Folder.Prune(2);
        Assert.Equal([2, 5, 6], Folder.Steps());
        Write(7, 2.5);
        Folder.Prune(2);
        Assert.Equal([6, 7], Folder.Steps());
        Folder.Prune(5);
        Assert.Equal([6, 7], Folder.Steps());
    }

    [Fact]
    public void A_write_that_fails_leaves_the_folder_as_it_was()
    {
        Write(1, null);
        Assert.Throws<IOException>(() => Folder.Write(StateOf(2, null), 0, target =>
        {
            File.WriteAllText(Path.Combine(target, "half"), "half");
            throw new IOException("no space left");
        }));
        Assert.Equal([1], Folder.Steps());
        Assert.Single(Directory.GetFileSystemEntries(Folder.Path));
        // What a killed process left is no checkpoint and goes with the next one.
        Directory.CreateDirectory(Path.Combine(Folder.Path, ".writing-2"));
        Assert.Equal([1], Folder.Steps());
        Write(2, null);
        Assert.Equal(2, Directory.GetFileSystemEntries(Folder.Path).Length);
    }

    private string SaveOne()
    {
        using TestRun run = new(TestRun.Ling2, TestRun.Settings);
        run.TrainTo(2);
        run.Checkpoint.Save(Folder, run.Trainer.State, validationLoss: 4.25);
        string path = Folder.PathOf(2);
        Assert.Equal(
            tensorFiles.Append(CheckpointState.FileName).Order(StringComparer.Ordinal),
            Directory.EnumerateFiles(path).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
        return path;
    }

    private void Write(long step, double? loss) =>
        Folder.Write(StateOf(step, loss), 0, target =>
        {
            File.WriteAllText(Path.Combine(target, "weights"), "w");
            XxHash128 hash = new();
            hash.Append("w"u8);
            return [CheckpointFile.Of("weights", 1, hash)];
        });

    private static CheckpointState StateOf(long step, double? loss) => new()
    {
        Version = CheckpointState.CurrentVersion,
        Progress = new TrainingProgress { Step = step },
        ValidationLoss = loss,
        OptimizerUpdates = step,
        Seed = 1,
        Model = "",
        Tokenizer = "",
        Guard = new Mazij.Training.Spikes.SpikeGuardState(),
        Batches = new BatchSourceState { SequenceLength = 1, Drawn = 0, Sources = [], Returned = [] },
        Routers = new Dictionary<int, RouterCheckpoint>(),
        Files = [],
    };
}
