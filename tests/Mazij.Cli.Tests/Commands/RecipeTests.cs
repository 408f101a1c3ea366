using System.Text;
using System.Text.Json;

namespace Mazij.Cli.Tests.Commands;

/// <summary>A run with everything that a recipe may hold, once for all tests: two sources, two mixtures, a batch that grows,
/// longer sequences at the end, a checkpoint every ten of forty steps.</summary>
public sealed class RecipeTests(RecipeTests.RecipeRun run) : IClassFixture<RecipeTests.RecipeRun>
{
    [Theory]
    [InlineData(10)] // the batch grows
    [InlineData(20)] // the first mixture
    [InlineData(30)] // the long sequences have just begun
    public void A_run_resumed_in_any_phase_goes_on_bit_by_bit(int step)
    {
        string folder = run.CopyUpTo(step);
        Invocation resumed = Invocation.Of("train", "--resume", folder);
        Assert.True(resumed.ExitCode == 0, resumed.Errors);
        Assert.Equal(Losses(run.Folder), Losses(folder));
        foreach (string file in (string[])["weights.safetensors", "first_moment.safetensors"])
        {
            string relative = Path.Combine("checkpoints", "step-00000040", file);
            Assert.Equal(File.ReadAllBytes(Path.Combine(run.Folder, relative)), File.ReadAllBytes(Path.Combine(folder, relative)));
        }
        Assert.Equal(
            File.ReadAllText(Path.Combine(run.Folder, "model", "config.json")), File.ReadAllText(Path.Combine(folder, "model", "config.json")));
    }

    [Fact]
    public void Metrics_tell_sizes_changes_and_each_sources_validation()
    {
        List<JsonElement> metrics = Metrics(run.Folder);
        List<JsonElement> steps = [.. metrics.Where(line => line.TryGetProperty("grad_norm", out _))];
        Assert.Equal((2, 32), Size(steps[0]));
        Assert.Equal((8, 32), Size(steps[24]));
        Assert.Equal((2, 128), Size(steps[39]));
        string[] events = [.. metrics.Where(line => line.TryGetProperty("event", out JsonElement name) && name.GetString() == "recipe_changed").Select(line => line.GetProperty("message").GetString()!)];
        Assert.Equal(
            [
                "the batch has grown to its full size, 256 tokens", "the mixture is now web 40 %, curated 60 %",
                "sequences are now 128 tokens long, rope_theta is 500000",
            ],
            events);
        JsonElement evaluation = metrics.Last(line => line.TryGetProperty("validation_loss", out _));
        double web = LossOf(evaluation.GetProperty("sources").GetProperty("web"));
        double curated = LossOf(evaluation.GetProperty("sources").GetProperty("curated"));
        Assert.Equal(0.9 * web + 0.1 * curated, LossOf(evaluation), 9);
        foreach (JsonElement step in steps)
        {
            long drawn = step.GetProperty("source_tokens").EnumerateObject().Sum(source => source.Value.GetInt64());
            Assert.Equal(step.GetProperty("sequences").GetInt64() * step.GetProperty("sequence_length").GetInt64(), drawn);
        }
        Assert.Contains("            curated: loss ", run.Output, StringComparison.Ordinal);
        Assert.Contains("source web: 0.0", run.Output, StringComparison.Ordinal);
        Assert.Contains("% left out as another source has that text", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_report_tells_each_source_each_phase_and_what_was_drawn()
    {
        string report = File.ReadAllText(Path.Combine(run.Folder, "report.md"));
        Assert.Contains("2 sources: web, curated;", report, StringComparison.Ordinal);
        // 135 documents of its own and 25 that the other source has too.
        Assert.Matches(@"\| web \| \S*web\.jsonl \| 1\d\d \| [\d.]+ K \| [\d.]+ KiB \| 0 \| [1-9][\d.]* % \|", report);
        Assert.Matches(@"\| web \| 90 %, 40 % from 60 % of the run on \| [\d.]+ K tokens \| [\d.]+ % \| 0\.\d\d \|", report);
        Assert.Matches(@"\| 1 to 20 \| the run \| 2 to 6 \| 32 \| [\d.]+ K tokens \| web (8[89]|9[01])[\d.]* %, curated [\d.]+ % \|", report);
        Assert.Matches(@"\| 25 to 30 \| the mixture is now web 40 %, curated 60 % \| 8 \| 32 \| 1\.54 K tokens \| web (3[89]|4[012])", report);
        Assert.Contains("| 31 to 40 | sequences are now 128 tokens long, rope_theta is 500000 | 2 | 128 | 2.56 K tokens |", report, StringComparison.Ordinal);
        Dictionary<string, double> drawn = [];
        foreach (JsonProperty source in Metrics(run.Folder).Where(line => line.TryGetProperty("source_tokens", out _)).SelectMany(line => line.GetProperty("source_tokens").EnumerateObject()))
            drawn[source.Name] = drawn.GetValueOrDefault(source.Name) + source.Value.GetInt64();
        Assert.Contains(
            FormattableString.Invariant($"tokens | {100 * drawn["curated"] / drawn.Values.Sum():0.#} % |"), report, StringComparison.Ordinal);
        JsonElement evaluation = Metrics(run.Folder).Last(line => line.TryGetProperty("validation_loss", out _)).GetProperty("sources").GetProperty("web");
        Assert.Contains(
            FormattableString.Invariant($"| web | {LossOf(evaluation):F4} | {evaluation.GetProperty("validation_bits_per_byte").GetDouble():F3} | "),
            report, StringComparison.Ordinal);
        Assert.Contains("| all, by the shares at the start | ", report, StringComparison.Ordinal);
        Assert.DoesNotContain("passes over the data", report, StringComparison.Ordinal);
    }

    [Fact]
    public void The_exported_model_has_the_long_contexts_theta_and_length()
    {
        JsonElement config = JsonDocument.Parse(File.ReadAllText(Path.Combine(run.Folder, "model", "config.json"))).RootElement;
        Assert.Equal(500000, config.GetProperty("rope_theta").GetDouble());
        Assert.Equal(128, config.GetProperty("max_position_embeddings").GetInt32());
    }

    [Fact]
    public void A_folders_model_is_trained_further_from_its_weights_with_its_tokenizer()
    {
        string model = Path.Combine(run.Folder, "model"), folder = run["continued"];
        Invocation continued = Invocation.Of(
            "train", run.WriteRunFile("continued.yaml", $"model: {{ path: '{model}' }}"), "--out", folder,
            // A step so small that the evaluation behind it is one of the weights that were loaded.
            "--set", "training.learning_rate=1e-12", "--set", "training.schedule.anneal_from=null",
            "--set", "training.stop.steps=1", "--set", "training.long_context=null");
        Assert.True(continued.ExitCode == 0, continued.Errors);
        double before = LossOf(Metrics(run.Folder).Last(line => line.TryGetProperty("validation_loss", out _)));
        Assert.Equal(before, LossOf(Metrics(folder).Last(line => line.TryGetProperty("validation_loss", out _))), 6);
        Assert.Equal(
            File.ReadAllText(Path.Combine(model, "tokenizer.json")), File.ReadAllText(Path.Combine(folder, "model", "tokenizer.json")));
        Assert.Equal(
            File.ReadAllText(Path.Combine(model, "config.json")), File.ReadAllText(Path.Combine(folder, "model", "config.json")));
        Assert.Contains($"path: {model}", File.ReadAllText(Path.Combine(folder, "run.yaml")), StringComparison.Ordinal);

        // From here on the run does without the folder.
        Invocation resumed = Invocation.Of("train", "--resume", folder, "--set", "training.stop.steps=2", "--set", $"tokenizer.path={folder}/model");
        Assert.True(resumed.ExitCode == 0, resumed.Errors);
    }

    [Fact]
    public void What_does_not_fit_together_is_one_clear_line()
    {
        string model = Path.Combine(run.Folder, "model");
        Assert.Contains("is given beside preset", Refusal("--set", "model.preset=quickstart", "--set", $"model.path={model}"), StringComparison.Ordinal);
        Assert.Contains("config.json: no such file", Refusal("--set", "model.path=nowhere"), StringComparison.Ordinal);
        Assert.Contains("tensor model.word_embeddings.weight has the shape", Refusal("--set", $"model.path={model}", "--set", "model.hidden_size=64"), StringComparison.Ordinal);
        Assert.Contains("long_context.sequence_length: 100 is not a multiple", Refusal("--set", "training.long_context.sequence_length=100"), StringComparison.Ordinal);
        Assert.Contains("batch_warmup.from: 3 is not a multiple", Refusal("--set", "training.batch_warmup.from=3"), StringComparison.Ordinal);
        string resumed = Invocation.Of("train", "--resume", run.Folder, "--set", "training.long_context=null").Errors;
        Assert.Contains("begun with training.long_context.sequence_length 128", resumed, StringComparison.Ordinal);
    }

    private string Refusal(params string[] sets)
    {
        Invocation refused = Invocation.Of(["train", run.WriteRunFile("refused.yaml", TinyRun.ModelSection), "--out", run["refused"], .. sets]);
        Assert.Equal(2, refused.ExitCode);
        Assert.Single(refused.Errors.TrimEnd().Split('\n'));
        Assert.False(Directory.Exists(run["refused"]));
        return refused.Errors;
    }

    private static (int Sequences, int Length) Size(JsonElement step) =>
        (step.GetProperty("sequences").GetInt32(), step.GetProperty("sequence_length").GetInt32());

    private static double LossOf(JsonElement evaluation) => evaluation.GetProperty("validation_loss").GetDouble();

    private static string[] Losses(string folder) =>
        [.. Metrics(folder).Where(line => line.TryGetProperty("grad_norm", out _)).Select(line => line.GetProperty("loss").GetRawText())];

    private static List<JsonElement> Metrics(string folder) =>
        [.. File.ReadLines(Path.Combine(folder, "metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];

    /// <summary>The run.</summary>
    public sealed class RecipeRun : IDisposable
    {
        private readonly TemporaryFolder folder = new();

        public RecipeRun()
        {
            string[] sentences = TinyRun.Text(2400).Split(". ");
            string shared = Lines(sentences, 0, 250);
            folder.Write("web.jsonl", Lines(sentences, 250, 1600) + shared);
            folder.Write("curated.jsonl", shared + Lines(sentences, 1600, sentences.Length));
            Invocation training = Invocation.Of("train", WriteRunFile("run.yaml", TinyRun.ModelSection), "--out", Folder);
            Assert.True(training.ExitCode == 0, training.Errors);
            Output = training.Output;
        }

        /// <summary>The run's folder.</summary>
        public string Folder => folder["run"];

        /// <summary>What it printed.</summary>
        public string Output { get; }

        /// <summary>A path in the tests' folder.</summary>
        public string this[string name] => folder[name];

        public void Dispose() => folder.Dispose();

        /// <summary>A run file of the recipe over some model.</summary>
        public string WriteRunFile(string name, string model) => folder.Write(name, $$"""
            {{model}}
            data:
              validation_fraction: 0.1
              sources:
                - { name: web, corpus: '{{folder["web.jsonl"]}}', weight: 0.9 }
                - { name: curated, corpus: '{{folder["curated.jsonl"]}}', weight: 0.1 }
              mixture:
                - { from: 0.6, weights: { web: 0.4, curated: 0.6 } }
            tokenizer: { vocab_size: 320 }
            training:
              sequence_length: 32
              micro_batch_size: 2
              global_batch_size: 8
              batch_warmup: { from: 2, tokens: 2000 }
              long_context: { from: 0.75, sequence_length: 128, rope_theta: 500000, micro_batch_size: 1 }
              stop: { steps: 40 }
              dtype: fp32
              evaluate_tokens: 1024
              evaluate_every: 20
              checkpoint_every: 10
              keep_checkpoints: 10
              learning_rate: 1.0e-3
            """);

        /// <summary>The run as it was behind one of its checkpoints.</summary>
        public string CopyUpTo(int step)
        {
            string copy = folder[$"copy-{step}"];
            foreach (string file in Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories))
            {
                string relative = Path.GetRelativePath(Folder, file);
                string[] parts = relative.Split(Path.DirectorySeparatorChar);
                if (parts[0] == "checkpoints" && string.CompareOrdinal(parts[1], $"step-{step:D8}") > 0)
                    continue;
                Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(copy, relative))!);
                File.Copy(file, Path.Combine(copy, relative));
            }
            return copy;
        }

        private static string Lines(string[] sentences, int first, int end)
        {
            StringBuilder lines = new();
            for (int i = first; i < end; i += 10)
                lines.Append(JsonSerializer.Serialize(new { text = $"{i} {string.Join(". ", sentences[i..Math.Min(end, i + 10)])}" })).Append('\n');
            return lines.ToString();
        }
    }
}
