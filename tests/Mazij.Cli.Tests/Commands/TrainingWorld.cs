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
    public Process Start(params string[] arguments)
    {
        string host = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        ProcessStartInfo info = new(host, [Path.Combine(AppContext.BaseDirectory, "Mazij.Cli.dll"), "train", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = root,
        };
        info.Environment["XDG_CACHE_HOME"] = this["cache"];
        return Process.Start(info)!;
    }

    /// <summary>Runs <c>mazij train</c> to its end, which must be a good one.</summary>
    public void Train(params string[] arguments)
    {
        using Process process = Start(arguments);
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"exit code {process.ExitCode}: {errors.GetAwaiter().GetResult()}\n{output}");
    }

    /// <summary>What a run computed, line by line; times, speeds and events left out.</summary>
    public List<string> Metrics(string run)
    {
        string[] keys =
        [
            "step", "tokens", "loss", "learning_rate", "grad_norm", "expert_load_max_over_mean", "dead_experts", "balance_loss",
            "z_loss", "validation_loss", "validation_bits_per_byte", "validation_tokens",
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

    public void Dispose() => Directory.Delete(root, recursive: true);

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
