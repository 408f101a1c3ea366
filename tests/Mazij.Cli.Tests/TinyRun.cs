using System.Text;

namespace Mazij.Cli.Tests;

/// <summary>A model of 60 thousand parameters, trained for three steps by <c>mazij train</c>, once for all tests.</summary>
public sealed class TinyRun : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public TinyRun()
    {
        // Prepared data belongs to the tests' folder, not to the user's cache.
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", folder["cache"]);
        Corpus = folder.Write("corpus.txt", Text(2000));
        RunFile = folder.Write("run.yaml", RunFileFor(Corpus));
        Folder = folder["run"];
        Invocation training = Invocation.Of("train", RunFile, "--out", Folder);
        Assert.True(training.ExitCode == 0, training.Errors);
        TrainingOutput = training.Output;
    }

    /// <summary>A text file of some hundred kilobytes.</summary>
    public string Corpus { get; }

    /// <summary>The run file.</summary>
    public string RunFile { get; }

    /// <summary>The run's folder.</summary>
    public string Folder { get; }

    /// <summary>The trained model with its tokenizer.</summary>
    public string Model => Path.Combine(Folder, "model");

    /// <summary>What the training printed.</summary>
    public string TrainingOutput { get; }

    public void Dispose() => folder.Dispose();

    /// <summary>Sentences that a tokenizer finds pairs in; the same every time.</summary>
    internal static string Text(int sentences)
    {
        string[] words = ["the", "model", "token", "expert", "router", "writes", "value", "größe", "gradient", "step", "loss", "batch", "text", "returns"];
        StringBuilder text = new();
        uint state = 12345;
        for (int sentence = 0; sentence < sentences; sentence++)
        {
            for (int word = 0; word < 9; word++)
            {
                state = state * 1664525 + 1013904223;
                text.Append(word == 0 ? "" : " ").Append(words[(state >> 16) % (uint)words.Length]);
            }
            text.Append(sentence % 5 == 4 ? ".\n\n" : ". ");
        }
        return text.ToString();
    }

    /// <summary>The model's section of a run file.</summary>
    internal const string ModelSection = """
        model:
          vocab_size: 320
          hidden_size: 32
          num_hidden_layers: 2
          num_attention_heads: 2
          num_key_value_heads: 1
          head_dim: 16
          num_experts: 4
          num_experts_per_tok: 2
          num_shared_experts: 1
          moe_intermediate_size: 32
          max_position_embeddings: 64
          initializer_range: 0.02

        """;

    /// <summary>The run file of the tiny run, over another corpus.</summary>
    internal static string RunFileFor(string corpus) => ModelSection + $$"""
        data:
          corpus: ['{{corpus}}']
          validation_fraction: 0.2
        tokenizer:
          vocab_size: 320
        training:
          sequence_length: 32
          micro_batch_size: 2
          global_batch_size: 2
          stop: { steps: 3 }
          dtype: fp32
          evaluate_tokens: 256
          learning_rate: 1.0e-3

        """;
}
