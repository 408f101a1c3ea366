using System.Text;
using CsCheck;
using Mazij.Data;
using Mazij.Text.Corpora;

namespace Mazij.Tests.Data;

/// <summary>
/// Builds that end anywhere. A build that fails or is stopped leaves what was there before; so does a killed one, whose
/// remains the next build removes.
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

        /// <summary>By a signal that leaves no time to clean up.</summary>
        Killed,
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
            if (end != Interruption.Killed)
                Assert.Equal(hasOld || finished ? [name] : Array.Empty<string>(), Entries(name));

            Build(name, threads, () => { });
            Assert.Equal(whole, Files(name));
            Assert.Equal([name], Entries(name));
            Directory.Delete(folder[name], recursive: true);
        }, iter: 20, threads: 1);
    }

    [Fact]
    public void A_build_killed_between_its_two_renames_gives_the_old_data_set_back_to_the_next()
    {
        Build("data", threads: 1, () => { });
        Directory.Move(folder["data"], folder["data.old"]);
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
        List<string> underway = [];
        int done = 0;
        void Reached()
        {
            if (++done != step)
                return;
            underway.AddRange(Directory.GetFiles(folder[name + ".building"], "*", SearchOption.AllDirectories));
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
        if (end != Interruption.Killed)
            return false;
        // What the process had written by then may have reached the disk in any length.
        foreach (string file in underway)
            folder.Write(Path.GetRelativePath(folder.Root, file), new byte[noise % 1000]);
        folder.Write(name + ".lock", "");
        return false;
    }

    private void Build(string name, int threads, Action reached) =>
        TestDatasets.Build(corpus, new ByteTokenizer(), folder[name], Options(threads), _ => reached());

    private static DatasetOptions Options(int threads) =>
        new() { ValidationFraction = 0.2, ShardBytes = 1 << 19, Threads = threads, MinimumTrainTokens = 0, MinimumValidationTokens = 0 };

    private Dictionary<string, byte[]> Files(string name) => Directory.GetFiles(folder[name], "*", SearchOption.AllDirectories)
        .ToDictionary(file => Path.GetRelativePath(folder[name], file), File.ReadAllBytes);

    private string[] Entries(string name) =>
        [.. Directory.GetFileSystemEntries(folder.Root, name + "*").Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
}
