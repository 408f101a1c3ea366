using System.Text.Json;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Models;
using Mazij.Training;
using static TorchSharp.torch;

namespace Mazij.Tests.Hostile;

/// <summary>A corpus and a tiny model's run on it, as <c>mazij train</c> makes them: what the targets' files come from.</summary>
internal sealed class HostileWorld : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("mazij-test-").FullName;
    private readonly string? cacheBefore = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");

    public HostileWorld()
    {
        // The report keeps figures of the data there; they belong to the tests' folder, not to the user's cache.
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", root);
        Corpus = Path.Combine(root, "corpus.jsonl");
        File.WriteAllLines(Corpus, Texts(60).Select(text => JsonSerializer.Serialize(new { text })));
        File.WriteAllText(RunFile, RunFileText(Corpus));
        Config = RunConfig.Load(RunFile, []);
        Model = RunModel.Resolve(Config.Model, RunFile);
        RunFolder folder = RunFolder.New(RunPath);
        PreparedData data = PreparedData.Make(Config.Data, Config.Tokenizer, root, threads: 1, _ => { }, CancellationToken.None);
        DataPath = data.Folder;
        Model = Model with { EosTokenId = data.Tokenizer.EndOfTextId };
        folder.Create(Config with { Model = ModelSection.FromRecord(Model) });
        using TrainingSession session = TrainingSession.Create(
            Config, Model, data, new ComputeTarget("cpu", CPU, ScalarType.Float32, 1e9), folder, resume: false, []);
        Assert.True(session.Run(CancellationToken.None));
    }

    /// <summary>A text file.</summary>
    public string Corpus { get; }

    /// <summary>The run file.</summary>
    public string RunFile => Path.Combine(root, "run.yaml");

    /// <summary>The run's folder.</summary>
    public string RunPath => Path.Combine(root, "run");

    /// <summary>The folder of token shards with their tokenizer.</summary>
    public string DataPath { get; }

    /// <summary>The run.</summary>
    public RunConfig Config { get; }

    /// <summary>Its model.</summary>
    public ModelConfig Model { get; }

    /// <summary>Copies the files of a folder into another.</summary>
    public static void Copy(string from, string to)
    {
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", cacheBefore);
        Directory.Delete(root, recursive: true);
    }

    /// <summary>Texts that all differ, in a language of a dozen words.</summary>
    internal static IEnumerable<string> Texts(int count, int words = 25)
    {
        string[] known = ["the", "model", "token", "expert", "router", "writes", "größe", "gradient", "step", "loss", "returns", "漢字"];
        Random random = new(1);
        return [.. Enumerable.Range(0, count).Select(_ => string.Join(' ', Enumerable.Range(0, words).Select(_ => known[random.Next(known.Length)])) + ".")];
    }

    private static string RunFileText(string corpus) => $$"""
        # Everything a run file may hold.
        model:
          model_type: bailing_moe_v2
          vocab_size: 300
          hidden_size: 16
          num_hidden_layers: 2
          num_attention_heads: 2
          num_key_value_heads: 1
          head_dim: 8
          num_experts: 4
          num_experts_per_tok: 2
          num_shared_experts: 1
          moe_intermediate_size: 8
          moe_router_enable_expert_bias: true
          score_function: sigmoid
          max_position_embeddings: 64
          initializer_range: 2.0e-2
        data:
          corpus: ['{{corpus}}']
          text_field: "text"
          validation_fraction: 0.4
        tokenizer:
          vocab_size: 300
        training:
          sequence_length: 8
          micro_batch_size: 2
          global_batch_size: 4
          stop: { steps: 6 }
          dtype: fp32
          evaluate_every: 3
          evaluate_tokens: 64
          checkpoint_every: 3
          learning_rate: 1.0e-3
          threads: 1
          sample_tokens: 4
          sample_prompts: ["the model", "a loss"]
          schedule: { warmup_steps: 2 }
          spike_guard: { enabled: true }
        cost: { price_per_hour: 1.5, currency: EUR }

        """;
}
