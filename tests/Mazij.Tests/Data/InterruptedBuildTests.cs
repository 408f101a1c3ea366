using System.Text;
using CsCheck;
using Mazij.Data;
using Mazij.Formats;
using Mazij.Text;
using Mazij.Text.Corpora;

namespace Mazij.Tests.Data;

/// <summary>
/// Builds that end anywhere. The data set is the old one or none, and the next build goes on or starts over, to the same
/// bytes in any case.
/// </summary>
public sealed class InterruptedBuildTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly Corpus corpus;
    private readonly int steps;
    private readonly Dictionary<string, byte[]> whole;

    public InterruptedBuildTests()
    {
        Random random = new(1);
        StringBuilder lines = new();
        for (int i = 0; i < 28; i++)
            lines.Append("{\"text\":\"").Append(i).Append(' ').Append(string.Concat(Enumerable.Range(0, 10_000).Select(_ => random.Next(1000, 9999)))).Append("\"}\n");
        corpus = Corpus.Open([folder.Write("corpus.jsonl", lines.ToString())]);
        int counted = 0;
        Build("whole", threads: 1, () => counted++);
        steps = counted;
        whole = Files("whole");
    }

    /// <summary>How a build ends early.</summary>
    public enum Interruption
    {
        /// <summary>By its cancellation token.</summary>
        Stopped,

        /// <summary>By an exception.</summary>
        Failed,

        /// <summary>By a signal that leaves no time to clean up, with all files as they were.</summary>
        Killed,

        /// <summary>With the whole machine: what was not flushed may have any content.</summary>
        PowerCut,
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Wherever_a_build_ends_the_data_set_is_the_old_one_or_none_and_the_next_build_is_whole()
    {
        Assert.True(steps > 3, "too few places to end at");
        Gen.Select(Gen.Int[1, steps], Gen.Enum<Interruption>(), Gen.Bool, Gen.Int[1, 3], Gen.ULong).Sample((step, end, hasOld, threads, noise) =>
        {
            string name = Guid.NewGuid().ToString();
            Dictionary<string, byte[]> old = [];
            if (hasOld)
            {
                TestDatasets.Build(Corpus.Open([folder.Write("old.txt", "an old text")]), new ByteTokenizer(), folder[name], Options(1));
                old = Files(name);
            }

            // A stop that comes when everything has been read comes too late: the data set is the new one.
            bool finished = Interrupt(name, step, end, threads, noise);
            Assert.Equal(hasOld || finished, Directory.Exists(folder[name]));
            if (finished)
                Assert.Equal(whole, Files(name));
            else if (hasOld)
                Assert.Equal(old, Files(name));
            if (end == Interruption.Failed || finished)
                Assert.Equal(hasOld || finished ? [name] : Array.Empty<string>(), Entries(name));
            else if (end == Interruption.Stopped)
                Assert.Equal(hasOld ? [name, name + ".building"] : [name + ".building"], Entries(name));

            Build(name, threads, () => { });
            Assert.Equal(whole, Files(name));
            Assert.Equal([name], Entries(name));
            Directory.Delete(folder[name], recursive: true);
        }, iter: 15, threads: 1);
    }

    [Fact]
    public void A_build_that_is_stopped_again_and_again_goes_on_each_time()
    {
        int wentOn = 0, builds = 0;
        for (bool finished = false; !finished; builds++)
        {
            Assert.True(builds < 100, "it starts over each time");
            using CancellationTokenSource stop = new();
            try
            {
                DatasetBuilder.Build(corpus, new ByteTokenizer(), folder["data"], Options(threads: 1), progress =>
                {
                    wentOn += progress.Note?.StartsWith("going on with an unfinished build", StringComparison.Ordinal) == true ? 1 : 0;
                    if (progress.Reading is not null) stop.Cancel();
                }, stop.Token);
                finished = true;
            }
            catch (OperationCanceledException)
            {
            }
        }
        Assert.Equal(whole, Files("data"));
        Assert.True(builds > 3, "it was not stopped often enough");
        Assert.Equal(builds - 1, wentOn);
    }

    [Theory]
    [InlineData("text", "the corpus has changed")]
    [InlineData("time", "the corpus has changed")]
    [InlineData("shorter", "the corpus has changed")]
    [InlineData("tokenizer", "the tokenizer is another")]
    [InlineData("options", "the options are others")]
    [InlineData("shard", "its shards are damaged")]
    [InlineData("missing", "its shards are damaged")]
    public void An_unfinished_build_of_something_else_starts_over_and_says_why(string change, string reason)
    {
        Assert.False(Interrupt("data", steps, Interruption.Killed, threads: 1, noise: 0));
        string path = folder["corpus.jsonl"], shard = folder["data.building/train/00000.tokens"];
        DateTime time = File.GetLastWriteTimeUtc(path);
        byte[] text = File.ReadAllBytes(path);
        ITokenizer tokenizer = change == "tokenizer" ? new PairTokenizer() : new ByteTokenizer();
        DatasetOptions options = change == "options" ? Options(1) with { ValidationFraction = 0.1 } : Options(1);
        switch (change)
        {
            case "text":
                // The first digit of the first document: neither length nor time tell.
                text[20] = (byte)(text[20] == '1' ? '2' : '1');
                File.WriteAllBytes(path, text);
                File.SetLastWriteTimeUtc(path, time);
                break;
            case "time":
                File.SetLastWriteTimeUtc(path, time.AddSeconds(1));
                break;
            case "shorter":
                // Blanks behind the first document.
                text.AsSpan(text.AsSpan().IndexOf((byte)'\n')..).Fill((byte)' ');
                File.WriteAllBytes(path, text);
                File.SetLastWriteTimeUtc(path, time);
                break;
            case "shard":
                byte[] bytes = File.ReadAllBytes(shard);
                bytes[1000] ^= 1;
                File.WriteAllBytes(shard, bytes);
                break;
            case "missing":
                File.Delete(shard);
                break;
        }
        List<string> notes = [];
        Corpus again = Corpus.Open([path]);
        TestDatasets.Build(again, tokenizer, folder["data"], options, progress =>
        {
            if (progress.Note is not null) notes.Add(progress.Note);
        });
        Assert.Contains($"an unfinished build is there, but {reason}: starting over", notes);
        TestDatasets.Build(again, tokenizer, folder["fresh"], options);
        Assert.Equal(Files("fresh"), Files("data"));
    }

    [Fact]
    public void Standard_input_that_is_another_text_than_before_is_refused_once()
    {
        byte[] text = File.ReadAllBytes(folder["corpus.jsonl"]);
        DatasetManifest Build(byte[] given, Action<DatasetProgress> progress, CancellationToken stop, string name = "data") => DatasetBuilder.Build(
            Corpus.Open([Corpus.StandardInput], new CorpusOptions { StandardInput = new(StandardInputFormat.JsonLines, () => new MemoryStream(given)) }),
            new ByteTokenizer(), folder[name], Options(1), progress, stop);
        void Stop()
        {
            using CancellationTokenSource stop = new();
            Assert.ThrowsAny<OperationCanceledException>(() => Build(text, progress =>
            {
                if (progress.Documents > 3) stop.Cancel();
            }, stop.Token));
        }
        Stop();
        byte[] other = [.. text];
        other[20] = (byte)(other[20] == '1' ? '2' : '1');
        InputException e = Assert.Throws<InputException>(() => Build(other, _ => { }, TestContext.Current.CancellationToken));
        Assert.Contains("Standard input is another text", e.Message, StringComparison.Ordinal);
        Assert.Empty(Entries("data"));
        Stop();
        List<string> notes = [];
        Build(text, progress => notes.AddRange(progress.Note is null ? [] : [progress.Note]), TestContext.Current.CancellationToken);
        Assert.StartsWith("going on with an unfinished build", Assert.Single(notes), StringComparison.Ordinal);
        Build(text, _ => { }, TestContext.Current.CancellationToken, "fresh");
        Assert.Equal(Files("fresh"), Files("data"));
    }

    [Fact]
    public void Whatever_the_moment_of_a_kill_while_a_data_set_is_replaced_it_is_the_old_one_or_the_new_one()
    {
        TestDatasets.Build(Corpus.Open([folder.Write("old.txt", "an old text")]), new ByteTokenizer(), folder["old"], Options(1));
        Dictionary<string, byte[]> old = Files("old");
        List<string> order = [];
        FailPoint.Arm(order.Add);
        Build("data", threads: 1, () => { });
        FailPoint.Arm(null);
        HashSet<string> changes = [];
        int wereOld = 0, wereNew = 0;
        bool cut = true;
        for (int moment = order.IndexOf("put a folder in place") - 2; cut; moment++)
        {
            TestDatasets.Build(Corpus.Open([folder["old.txt"]]), new ByteTokenizer(), folder["data"], Options(1));
            cut = CutShort.At(moment, changes, () => Build("data", threads: 1, () => { }));
            Dictionary<string, byte[]> found = Files("data");
            bool isNew = found.Count == whole.Count && found.All(file => file.Value.AsSpan().SequenceEqual(whole[file.Key]));
            Assert.Equal(isNew ? whole : old, found);
            (wereOld, wereNew) = isNew ? (wereOld, wereNew + 1) : (wereOld + 1, wereNew);
            Build("data", threads: 1, () => { });
            Assert.Equal(whole, Files("data"));
            Assert.Equal(["data"], Entries("data"));
        }
        Assert.True(wereOld > 2 && wereNew > 2, $"{wereOld} before, {wereNew} after");
        Assert.Superset(new HashSet<string>(["flush a folder", "put a folder in place", "delete a file", "delete a folder"]), changes);
    }

    [Fact]
    public void A_build_killed_between_its_two_renames_gives_the_old_data_set_back_to_the_next()
    {
        Build("data", threads: 1, () => { });
        Directory.Move(folder["data"], folder["data.replaced"]);
        folder.Write("data.building/dataset.json", "{}");
        Assert.Throws<InputException>(() => TestDatasets.Build(
            Corpus.Open([folder.Write("bad.txt", [0xFF])]), new ByteTokenizer(), folder["data"], Options(1)));
        Assert.Equal(whole, Files("data"));
        Assert.Equal(["data"], Entries("data"));
    }

    /// <returns>Whether the build ended well in spite of it.</returns>
    private bool Interrupt(string name, int step, Interruption end, int threads, ulong noise)
    {
        using CancellationTokenSource stop = new();
        Dictionary<string, byte[]> underway = [];
        int done = 0;
        void Reached()
        {
            if (++done != step)
                return;
            foreach (string file in Directory.GetFiles(folder[name + ".building"], "*", SearchOption.AllDirectories))
                underway.Add(Path.GetRelativePath(folder.Root, file), ReadShared(file));
            if (end == Interruption.Stopped)
                stop.Cancel();
            else
                throw new DivideByZeroException();
        }
        try
        {
            DatasetBuilder.Build(corpus, new ByteTokenizer(), folder[name], Options(threads), _ => Reached(), stop.Token);
            Assert.Equal(Interruption.Stopped, end);
            return true;
        }
        catch (Exception e) when (e is DivideByZeroException or OperationCanceledException)
        {
            Assert.Equal(step, done);
        }
        if (end is Interruption.Stopped or Interruption.Failed)
            return false;
        Random random = new((int)(noise % int.MaxValue));
        foreach ((string file, byte[] bytes) in underway)
        {
            if (end == Interruption.PowerCut)
            {
                folder.Write(file, new byte[noise % 1000]);
                continue;
            }
            // After the state was stored, the process may have written more.
            byte[] more = new byte[file.EndsWith(".tokens", StringComparison.Ordinal) ? noise % 1000 : 0];
            random.NextBytes(more);
            folder.Write(file, [.. bytes, .. more]);
        }
        if (end == Interruption.Killed)
        {
            folder.Write(name + ".building/train/00009.tokens", "one more shard");
            folder.Write(name + ".building/build.state.tmp-1", "half a state");
        }
        folder.Write(name + ".lock", "");
        return false;
    }

    private void Build(string name, int threads, Action reached) =>
        TestDatasets.Build(corpus, new ByteTokenizer(), folder[name], Options(threads), _ => reached());

    private static DatasetOptions Options(int threads) =>
        new() { ValidationFraction = 0.2, ShardBytes = 3 << 18, CheckpointBytes = 1 << 19, Threads = threads, MinimumTrainTokens = 0, MinimumValidationTokens = 0 };

    private Dictionary<string, byte[]> Files(string name) => Directory.GetFiles(folder[name], "*", SearchOption.AllDirectories)
        .ToDictionary(file => Path.GetRelativePath(folder[name], file), File.ReadAllBytes);

    // The build has it open.
    private static byte[] ReadShared(string file)
    {
        using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private string[] Entries(string name) =>
        [.. Directory.GetFileSystemEntries(folder.Root, name + "*").Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
}
