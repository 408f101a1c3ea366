using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Mazij.Cli.Tests.Commands;

/// <summary>A temporary folder with a corpus, a run file and a cache of its own, and the command to train there.</summary>
public sealed class TrainingWorld : IDisposable
{
    /// <summary>Steps of the whole run.</summary>
    public const int Steps = 300;

    private readonly string root = Directory.CreateTempSubdirectory("mazij-test-").FullName;

    public TrainingWorld()
    {
        File.WriteAllText(this["corpus.txt"], Corpus(200_000));
        File.WriteAllText(this["run.yaml"], $$"""
            model:
              hidden_size: 48
              num_hidden_layers: 2
              num_attention_heads: 4
              num_key_value_heads: 2
              num_experts: 6
              num_experts_per_tok: 2
              num_shared_experts: 1
              moe_intermediate_size: 48
              vocab_size: 512
              max_position_embeddings: 256
              initializer_range: 0.05
              use_qk_norm: true
            data: { corpus: ["{{this["corpus.txt"]}}"], validation_fraction: 0.05 }
            tokenizer: { vocab_size: 512 }
            training:
              seed: 11
              threads: 2
              sequence_length: 64
              micro_batch_size: 4
              global_batch_size: 8
              stop: { steps: {{Steps}} }
              learning_rate: 3.0e-3
              routing_warmup_steps: 15
              schedule: { warmup_steps: 5 }
              evaluate_every: 75
              evaluate_tokens: 512
              checkpoint_every: 5

            """);
    }

    public string this[string name] => Path.Combine(root, name);

    /// <summary>Starts <c>mazij train</c>, whose lines on standard output can be read.</summary>
    public Process Start(params string[] arguments) => StartIn([], arguments);

    /// <summary>As <see cref="Start"/>, with variables in the environment.</summary>
    public Process StartIn((string Name, string Value)[] variables, params string[] arguments) =>
        Launch(Host, [Program, "train", .. arguments], variables);

    /// <summary>Starts a line of the shell in which $MAZIJ is the command.</summary>
    public Process StartShell(string line) => Launch("/bin/sh", ["-c", line], [("MAZIJ", $"{Host} {Program}")]);

    /// <summary>Runs <c>mazij train</c> to its end, whatever that is.</summary>
    public (int ExitCode, string Output, string Errors) Finish(params string[] arguments)
    {
        using Process process = Start(arguments);
        return Finish(process);
    }

    /// <summary>Reads everything that a process says, until its end.</summary>
    public static (int ExitCode, string Output, string Errors) Finish(Process process)
    {
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.GetAwaiter().GetResult());
    }

    /// <summary>Reads a process's lines up to the first that is asked for.</summary>
    public static string ReadUntil(Process process, Predicate<string> isIt)
    {
        List<string> seen = [];
        while (process.StandardOutput.ReadLine() is string line)
        {
            seen.Add(line);
            if (isIt(line))
                return line;
        }
        Assert.Fail($"the process ended before the line that is waited for:\n{string.Join('\n', seen)}");
        return "";
    }

    /// <summary>The step of a progress line; 0 for other lines.</summary>
    public static int StepOf(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is ["step", var number, ..]
        ? int.Parse(number.Split('/')[0], CultureInfo.InvariantCulture)
        : 0;

    /// <summary>Whether a line tells of a checkpoint that is on the disk.</summary>
    public static bool IsCheckpoint(string line) => line.StartsWith("checkpoint ", StringComparison.Ordinal);

    /// <summary>Runs <c>mazij train</c> to its end, which must be a good one.</summary>
    public void Train(params string[] arguments)
    {
        (int code, string output, string errors) = Finish(arguments);
        Assert.True(code == 0, $"exit code {code}: {errors}\n{output}");
    }

    /// <summary>What a run computed, line by line; times, speeds and events left out.</summary>
    public List<string> Metrics(string run)
    {
        string[] keys =
        [
            "step", "tokens", "loss", "learning_rate", "grad_norm", "expert_load_max_over_mean", "dead_experts", "balance_loss",
            "z_loss", "router_entropy", "validation_loss", "validation_bits_per_byte", "validation_tokens",
        ];
        List<string> lines = [];
        foreach (string line in File.ReadLines(Path.Combine(this[run], "metrics.jsonl")))
        {
            using JsonDocument json = JsonDocument.Parse(line);
            if (json.RootElement.TryGetProperty("event", out _))
                continue;
            lines.Add(string.Join(' ', keys.Where(key => json.RootElement.TryGetProperty(key, out _))
                .Select(key => $"{key}={json.RootElement.GetProperty(key).GetRawText()}")));
        }
        return lines;
    }

    /// <summary>The bytes of every tensor file of the last checkpoint and of the model folder.</summary>
    public Dictionary<string, byte[]> Weights(string run)
    {
        string[] files =
        [
            .. Directory.GetFiles(Path.Combine(this[run], "checkpoints", $"step-{Steps:D8}"), "*.safetensors"),
            .. Directory.GetFiles(Path.Combine(this[run], "model"), "*.safetensors"),
        ];
        return files.ToDictionary(file => Path.GetRelativePath(this[run], file), File.ReadAllBytes);
    }

    /// <summary>Fails the test unless a run has the metrics and the weights of one that nothing disturbed, to the bit.</summary>
    public void AssertSame(string whole, string run, string how)
    {
        List<string> expected = Metrics(whole);
        Assert.Equal(Steps + 4, expected.Count); // four evaluations
        Assert.Equal(expected, Metrics(run));
        Dictionary<string, byte[]> expectedWeights = Weights(whole), weights = Weights(run);
        Assert.Equal(4, expectedWeights.Count);
        Assert.Equal(expectedWeights.Keys.Order(), weights.Keys.Order());
        foreach ((string file, byte[] bytes) in expectedWeights)
            Assert.True(bytes.AsSpan().SequenceEqual(weights[file]), $"{how}: {file} differs");
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    private static string Host => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    private static string Program => Path.Combine(AppContext.BaseDirectory, "Mazij.Cli.dll");

    private Process Launch(string program, string[] arguments, (string Name, string Value)[] variables)
    {
        ProcessStartInfo info = new(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = root,
        };
        info.Environment["XDG_CACHE_HOME"] = this["cache"];
        foreach ((string name, string value) in variables)
            info.Environment[name] = value;
        return Process.Start(info)!;
    }

    /// <summary>Sentences of some grammar, always the same.</summary>
    private static string Corpus(int bytes)
    {
        string[] subjects = ["The parser", "A reader", "Every stream", "This buffer", "The loop", "An encoder", "No thread"];
        string[] verbs = ["returns", "copies", "skips", "closes", "counts", "remembers", "rejects"];
        string[] objects = ["the last line", "a token", "its length", "two bytes", "the header", "empty names", "an offset"];
        string[] ends = ["at the end", "before it fails", "once more", "in order", "without a copy", "when asked"];
        Random random = new(1);
        StringBuilder text = new();
        while (text.Length < bytes)
        {
            text.Append(subjects[random.Next(subjects.Length)]).Append(' ').Append(verbs[random.Next(verbs.Length)]).Append(' ')
                .Append(objects[random.Next(objects.Length)]).Append(' ').Append(ends[random.Next(ends.Length)])
                .Append(CultureInfo.InvariantCulture, $" ({random.Next(1000)})").Append(random.Next(6) == 0 ? ".\n\n" : ". ");
        }
        return text.ToString();
    }
}
