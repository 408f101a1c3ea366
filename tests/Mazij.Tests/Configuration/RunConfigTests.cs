using Mazij.Configuration;

namespace Mazij.Tests.Configuration;

public sealed class RunConfigTests
{
    private static RunConfig Load(string? yaml, params string[] sets) =>
        RunConfig.Load(yaml is null ? null : new YamlSource("run.yaml", yaml), sets);

    private static string Refusal(string? yaml, params string[] sets) =>
        Assert.Throws<InputException>(() => Load(yaml, sets)).Message;

    private const string Whole = """
        model: ling-lite
        data:
          corpus: notes/*.md
          validation_fraction: 0.01
          max_bytes: 40_000_000
        tokenizer: {vocab_size: 4096}
        training:
          dtype: bf16
          micro_batch_size: 8
          global_batch_size: 32
          learning_rate: 2.4e-4
          stop: {tokens: 1e9}
          schedule: {warmup_steps: 20, halve_at: null}
          sample_prompts: The list
        cost: {price_per_hour: 4.5, currency: RMB}
        """;

    [Fact]
    public void A_whole_run_file_is_read()
    {
        RunConfig run = Load(Whole);
        Assert.Equal("ling-lite", run.Model.Preset);
        Assert.Empty(run.Model.Overrides.Entries);
        Assert.Equal(["notes/*.md"], run.Data.Corpus);
        Assert.Equal(40_000_000, run.Data.MaxBytes);
        Assert.Equal(Precision.Bf16, run.Training.Dtype);
        Assert.Equal(1_000_000_000, run.Training.Stop.Tokens);
        Assert.Null(run.Training.Schedule.HalveAt);
        Assert.Equal(0.8, run.Training.Schedule.AnnealFrom);
        Assert.Equal(["The list"], run.Training.SamplePrompts);
        Assert.Equal(4.5, run.Cost.PricePerHour);
    }

    [Fact]
    public void Defaults_need_only_an_end()
    {
        RunConfig run = Load(null, "training.stop.minutes=2.5");
        Assert.Equal("quickstart", run.Model.Preset);
        Assert.Equal([DataConfig.DotnetDocs], run.Data.Corpus);
        Assert.Equal(2.5, run.Training.Stop.Minutes);
        Assert.Equal(
            "training.stop: the run has no end; give steps, tokens or minutes, for example --set training.stop.minutes=5",
            Refusal(null));
    }

    [Theory]
    [InlineData(Whole)]
    [InlineData("model: {preset: ling-lite, num_experts: 8, rope_scaling: null, list: [1, {a: 'x: y', b: 1e-6}]}\ntraining: {stop: {steps: 3}}")]
    [InlineData("model: {hidden_size: 64}\ntraining: {stop: {minutes: 0.1}}")]
    [InlineData("model: {path: a/b, rope_theta: 1e6}\ndata: {sources: [{name: a, corpus: x, weight: 0.5}, {name: b, shards: y}], mixture: [{from: 0.5, weights: {b: 1, a: 0.25}}]}\ntraining: {stop: {steps: 1}, batch_warmup: {from: 8, tokens: 1e6}, long_context: {sequence_length: 2048}}")]
    public void Writing_and_reading_again_changes_nothing(string yaml)
    {
        string written = Load(yaml).ToYaml();
        Assert.Equal(written, Load(written).ToYaml());
        Assert.Contains("learning_rate: 0.00024\n", written);
        Assert.Contains("adam_epsilon: 1.0e-08\n", written);
    }

    [Fact]
    public void The_reports_recipe_is_a_valid_run_file()
    {
        const string file = "configs/ling-recipe.yaml";
        RunConfig run = RunConfig.Load(new YamlSource(file, EmbeddedText.Read(file)), []);
        Assert.Equal(["web", "code", "books", "curated"], run.Data.Sources.Select(source => source.Name));
        Assert.Equal(0.5, run.Data.Mixture[0].Weights["curated"]);
        Assert.Equal((2560, 8960), (run.Training.BatchWarmup!.From, run.Training.GlobalBatchSize));
        Assert.Equal((16384, 600000), (run.Training.LongContext!.SequenceLength, run.Training.LongContext.RopeTheta));
        Assert.Equal(4096, Mazij.Models.ModelPresets.Resolve(run.Model, file).MaxPositionEmbeddings);
    }

    [Fact]
    public void Model_keys_are_bound_later_over_a_presets_values()
    {
        ModelSection model = Load(
            "model: quickstart", "training.stop.steps=1", "model.n_routed_experts=16", "model.inner.count=2").Model;
        Assert.Equal("quickstart", model.Preset);
        SampleRecord bound = model.Bind(new SampleRecord { Name = "preset", Inner = new SampleInner { Scale = 4 } });
        Assert.Equal(16, bound.Experts);
        Assert.Equal("preset", bound.Name);
        Assert.Equal(new SampleInner { Count = 2, Scale = 4 }, bound.Inner);

        ModelSection resolved = ModelSection.FromRecord(bound);
        string yaml = (Load(Whole) with { Model = resolved }).ToYaml();
        Assert.Equal(bound.Inner, Load(yaml).Model.Bind(new SampleRecord()).Inner);
    }

    [Fact]
    public void A_wrong_model_key_is_named_with_its_place_when_bound()
    {
        ModelSection model = Load("model:\n  preset: x\n  num_expert: 4\ntraining: {stop: {steps: 1}}").Model;
        Assert.Equal("run.yaml:3:3: model.num_expert: unknown key; did you mean num_experts?",
            Assert.Throws<InputException>(() => model.Bind(new SampleRecord())).Message);
        Assert.Equal("run.yaml:2:11: model.preset: there is no preset 'x' (presets: ling-lite, ling-plus)",
            model.UnknownPreset(["ling-lite", "ling-plus"]).Message);
    }

    [Theory]
    [InlineData("training: {stop: {steps: 1}, global_batch_size: 10}",
        "run.yaml:1:49: training.global_batch_size: 10 is not a multiple of micro_batch_size 4; 12 would be")]
    [InlineData("training: {stop: {steps: 1}, minimum_learning_rate: 0.1}",
        "run.yaml:1:53: training.minimum_learning_rate: 0.1 is above learning_rate 0.00024")]
    [InlineData("training: {stop: {steps: 1}, schedule: {halve_at: 0.9}}",
        "run.yaml:1:51: training.schedule.halve_at: 0.9 comes after annealing starts (anneal_from 0.8); halve earlier, or set it to null")]
    [InlineData("training: {stop: {steps: 1}, schedule: {anneal_to: 0.1}}",
        "run.yaml:1:52: training.schedule.anneal_to: 0.1 is above learning_rate 0.00024")]
    [InlineData("training: {stop: {steps: 0}}", "run.yaml:1:26: training.stop.steps: 0 is out of range; it must be at least 1")]
    [InlineData("training: {stop: }",
        "run.yaml:1:18: training.stop: the run has no end; give steps, tokens or minutes, for example --set training.stop.minutes=5")]
    [InlineData("training: {dtype: fp16}", "run.yaml:1:19: training.dtype: expected one of auto, bf16, fp32, found 'fp16'")]
    [InlineData("learning_rate: 1e-3", "run.yaml:1:1: learning_rate: unknown key; did you mean training.learning_rate?")]
    [InlineData("data: {sources: [{name: a, corpus: x}, {name: a, corpus: y}]}", "run.yaml:1:17: data.sources: the name 'a' is given twice")]
    [InlineData("data: {sources: [{name: a}]}", "run.yaml:1:18: data.sources[0]: the source 'a' names no text; give corpus or shards")]
    [InlineData("data: {sources: [{corpus: x}]}", "run.yaml:1:18: data.sources[0].name: is missing; name the source")]
    [InlineData("data: {corpus: z, sources: [{name: a, corpus: x}]}", "run.yaml:1:16: data.corpus: is given beside sources; make it one of them")]
    [InlineData("data: {sources: [{name: a, corpus: x, weight: 0}]}",
        "run.yaml:1:17: data.sources: no source has a weight above 0, and no mixture begins at 0")]
    [InlineData("data: {sources: [{name: web, corpus: x}], mixture: [{from: 0.5, weights: {wbe: 1}}]}",
        "run.yaml:1:52: data.mixture: gives a weight to 'wbe', which is no source; did you mean web?")]
    [InlineData("data: {sources: [{name: a, corpus: x}], mixture: [{from: 0.5, weights: {a: 1}}, {from: 0.2, weights: {a: 1}}]}",
        "run.yaml:1:50: data.mixture: begins at 0.2 behind one that begins at 0.5; give them in ascending order")]
    [InlineData("data: {sources: [{name: a, corpus: x}], mixture: [{from: 0.5, weights: {a: -1}}]}",
        "run.yaml:1:76: data.mixture[0].weights.a: -1 is out of range; it must be at least 0 and at most 1000000000")]
    [InlineData("model: {path: a, preset: b}", "run.yaml:1:15: model.path: is given beside preset; keep one of them")]
    [InlineData("training: {stop: {steps: 1}, batch_warmup: {from: 4}}",
        "run.yaml:1:44: training.batch_warmup.tokens: is missing; over how many tokens shall the batch grow?")]
    [InlineData("training: {stop: {steps: 1}, long_context: {sequence_length: 16384}}",
        "run.yaml:1:44: training.long_context.micro_batch_size: a step of 16 x 512 tokens cannot be cut into micro-batches of 1 x 16384; make global_batch_size a multiple of 32")]
    [InlineData("data: {corpus: []}", "run.yaml:1:16: data.corpus: names no text; give files, folders, globs or dotnet-docs")]
    [InlineData("model: [a]", "run.yaml:1:8: model: expected a preset's name or a mapping of model keys, found a list")]
    [InlineData("model:", "run.yaml:1:7: model: expected a preset's name or a mapping of model keys, found nothing")]
    public void Refusals_name_place_key_and_remedy(string yaml, string message) => Assert.Equal(message, Refusal(yaml));
}
