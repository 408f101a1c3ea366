using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Mazij.Cli.Inspection;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Formats.HuggingFace;
using Mazij.Formats.Safetensors;
using Mazij.Models;
using Mazij.Text.Tokenizers;
using Mazij.Training;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij inspect</c>.</summary>
internal static class InspectCommand
{
    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Argument<string> subject = new("MODEL|PRESET|FILE")
        {
            Description = $"A preset ({string.Join(", ", ModelPresets.Names)}), a model's or run's folder, a run file, a .safetensors file, token shards, or a tokenizer.",
        };
        Option<int?> sequenceLength = new("--sequence-length")
        {
            Description = "Tokens in a sequence, which attention's FLOPs depend on (default: 4096, or the model's longest).",
            HelpName = "N",
        };
        Option<bool> json = new("--json") { Description = "Print the figures as JSON." };
        Command command = new(
            "inspect",
            "Say what something is. For a model: parameters in total and active, FLOPs, memory; nothing is allocated.\n\n" +
            "Example: mazij inspect ling-lite --sequence-length 16384")
        { subject, sequenceLength, json };
        LibTorchOptionSet libTorch = new(command);
        command.SetAction(parsed => Failures.Guard(() =>
        {
            Subject found = Subject.Resolve(parsed.GetRequiredValue(subject));
            ModelFigures Figures(ModelConfig config)
            {
                int length = ModelFigures.LengthFor(config, parsed.GetValue(sequenceLength));
                libTorch.Load(parsed);
                return new ModelFigures(
                    found.Path, config, length, TrainingOf(found),
                    found.Kind == SubjectKind.Preset ? ModelPresets.FindPublished(found.Path) : null);
            }
            JsonObject? described = Show(found, Figures, parsed.GetValue(json));
            if (described is not null)
                JsonOutput.Write(described);
            return 0;
        }));
        return command;
    }

    /// <summary>Prints for people and returns null, or returns the JSON.</summary>
    private static JsonObject? Show(Subject subject, Func<ModelConfig, ModelFigures> figures, bool json) => subject.Kind switch
    {
        SubjectKind.Preset => ShowShape(figures(ModelPresets.Find(subject.Path)!), json),
        SubjectKind.RunFile => ShowShape(figures(ModelOf(subject.Path)), json),
        SubjectKind.ModelFolder => ShowModelFolder(subject.Path, figures, json),
        SubjectKind.RunFolder => ShowRun(RunFolder.Open(subject.Path), figures, json),
        SubjectKind.Dataset => ShowDataset(subject.Path, json),
        SubjectKind.Tokenizer => ShowTokenizer(subject.Path, json),
        _ => ShowTensors(subject.Path, json),
    };

    private static JsonObject? ShowShape(ModelFigures figures, bool json)
    {
        if (json)
            return figures.ToJson();
        figures.Print();
        return null;
    }

    private static JsonObject? ShowModelFolder(string folder, Func<ModelConfig, ModelFigures> figures, bool json)
    {
        List<TensorSpec> tensors = HuggingFaceModel.ReadTensors(folder);
        ModelFigures shape = figures(HuggingFaceConfig.Read(folder));
        if (json)
        {
            JsonObject described = shape.ToJson();
            described["tensors"] = TensorTable.ToJson(tensors);
            return described;
        }
        shape.Print();
        Console.Out.WriteLine($"weights     {TensorTable.Totals(tensors)}");
        TensorTable.PrintSummary(tensors);
        return null;
    }

    private static JsonObject? ShowRun(RunFolder run, Func<ModelConfig, ModelFigures> figures, bool json)
    {
        ModelFigures shape = figures(ModelOf(run.ConfigFile));
        List<long> checkpoints = run.Checkpoints.Steps();
        if (json)
        {
            JsonObject described = shape.ToJson();
            described["kind"] = "run";
            described["checkpoints"] = JsonOutput.Array(checkpoints);
            return described;
        }
        shape.Print();
        string steps = checkpoints.Count == 0 ? "none" : "of steps " + string.Join(", ", checkpoints);
        Console.Out.WriteLine($"checkpoints {steps}");
        Console.Out.WriteLine($"continue    mazij train --resume {run.Path}");
        return null;
    }

    private static JsonObject? ShowDataset(string folder, bool json)
    {
        using TokenDataset dataset = TokenDataset.Open(folder);
        DatasetManifest manifest = dataset.Manifest;
        if (json)
        {
            return new JsonObject
            {
                ["kind"] = "dataset",
                ["corpus"] = manifest.Corpus,
                ["vocabulary_size"] = manifest.VocabularySize,
                ["train_tokens"] = manifest.Train.Tokens,
                ["validation_tokens"] = manifest.Validation.Tokens,
            };
        }
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"shards      {manifest.Train.Tokens:N0} training and {manifest.Validation.Tokens:N0} validation tokens of {manifest.VocabularySize:N0} kinds"));
        Console.Out.WriteLine($"corpus      {TerminalText.CleanLine(manifest.Corpus)}");
        Console.Out.WriteLine($"more        mazij data stats {folder}");
        return null;
    }

    private static JsonObject? ShowTokenizer(string path, bool json)
    {
        BpeTokenizer tokenizer = Tokenizer.Load(path);
        if (json)
        {
            return new JsonObject
            {
                ["kind"] = "tokenizer",
                ["vocabulary_size"] = tokenizer.VocabularySize,
                ["merges"] = tokenizer.MergeCount,
                ["pre_split"] = tokenizer.PreSplit.Name,
                ["end_of_text_id"] = tokenizer.EndOfTextId,
                ["special_tokens"] = new JsonObject(tokenizer.SpecialTokens.Select(token => KeyValuePair.Create(token.Key, (JsonNode?)token.Value))),
                ["hash"] = tokenizer.Hash,
            };
        }
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"tokenizer   {tokenizer.VocabularySize:N0} entries, {tokenizer.MergeCount:N0} merges, words split as {tokenizer.PreSplit.Name}"));
        Console.Out.WriteLine($"special     {TerminalText.CleanLine(string.Join(", ", tokenizer.SpecialTokens.OrderBy(token => token.Value).Select(token => $"{token.Key} {token.Value}")))}");
        Console.Out.WriteLine($"sha256      {tokenizer.Hash}");
        return null;
    }

    private static JsonObject? ShowTensors(string path, bool json)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        List<TensorSpec> tensors = [.. file.Tensors.Select(tensor => tensor.Spec)];
        if (json)
        {
            return new JsonObject
            {
                ["kind"] = "safetensors",
                ["metadata"] = new JsonObject(file.Metadata.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))),
                ["tensors"] = TensorTable.ToJson(tensors),
            };
        }
        Console.Out.WriteLine($"safetensors {TensorTable.Totals(tensors)}");
        foreach ((string key, string value) in file.Metadata)
            Console.Out.WriteLine($"metadata    {MessageText.OneLine(key, 60)}: {MessageText.OneLine(value, 200)}");
        TensorTable.Print(tensors);
        return null;
    }

    /// <summary>A run's own training; for a model alone, one sequence at a time.</summary>
    private static TrainingConfig TrainingOf(Subject subject) => subject.Kind switch
    {
        SubjectKind.RunFile => RunConfig.Load(subject.Path, []).Training,
        SubjectKind.RunFolder => RunConfig.Load(RunFolder.Open(subject.Path).ConfigFile, []).Training,
        _ => new TrainingConfig { MicroBatchSize = 1 },
    };

    private static ModelConfig ModelOf(string runFile) => RunModel.Resolve(RunConfig.Load(runFile, []).Model, runFile);
}
