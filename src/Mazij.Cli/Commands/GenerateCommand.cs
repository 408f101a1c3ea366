using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using Mazij.Formats.HuggingFace;
using Mazij.Generation;
using Mazij.Models;
using Mazij.Text.Tokenizers;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij generate</c>.</summary>
internal static class GenerateCommand
{
    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Argument<string> model = new("MODEL") { Description = "A Hugging Face style model folder, or a run's folder." };
        Option<string?> prompt = new("--prompt") { Description = "The text to continue; - reads it from standard input.", HelpName = "TEXT" };
        Option<string?> promptFile = new("--prompt-file") { Description = "Read the text to continue from a file.", HelpName = "FILE" };
        Option<int> maxTokens = new("--max-tokens")
        {
            Description = "Most tokens to write.",
            HelpName = "N",
            DefaultValueFactory = _ => 128,
        };
        Option<double> temperature = new("--temperature")
        {
            Description = "0 always takes the likeliest token; 1 samples from the model's own distribution.",
            HelpName = "T",
            DefaultValueFactory = _ => 0.7,
        };
        Option<double> topP = new("--top-p")
        {
            Description = "Sample among the likeliest tokens that together have this probability; 1 among all.",
            HelpName = "P",
            DefaultValueFactory = _ => 0.9,
        };
        Option<int> topK = new("--top-k") { Description = "Sample among this many of the likeliest tokens; 0 among all.", HelpName = "K" };
        Option<long> seed = new("--seed")
        {
            Description = "Decides every draw: one seed, one text.",
            HelpName = "S",
            DefaultValueFactory = _ => 1234,
        };
        Option<bool> json = new("--json") { Description = "Print prompt_ids, ids, text and finish_reason as JSON at the end." };
        Command command = new(
            "generate",
            "Continue a text. The continuation is written as it arises.\n\n" +
            "Example: mazij generate runs/quickstart/model --prompt \"Gets or sets\" --max-tokens 60")
        { model, prompt, promptFile, maxTokens, temperature, topP, topK, seed, json };
        ComputeOptionSet compute = new(command, "auto");
        command.SetAction(parsed => Failures.Guard(() =>
        {
            SamplingOptions options = new SamplingOptions
            {
                MaxTokens = parsed.GetValue(maxTokens),
                Temperature = parsed.GetValue(temperature),
                TopP = parsed.GetValue(topP),
                TopK = parsed.GetValue(topK),
                Seed = parsed.GetValue(seed),
            }.Validate();
            byte[] text = ReadPrompt(parsed.GetValue(prompt), parsed.GetValue(promptFile));
            string folder = ModelFolder.Resolve(parsed.GetRequiredValue(model));
            BpeTokenizer tokenizer = ModelFolder.LoadTokenizer(folder, HuggingFaceConfig.Read(folder));
            using MoeTransformer transformer = compute.LoadModel(parsed, folder);
            Generate(transformer, tokenizer, text, options, parsed.GetValue(json));
            return 0;
        }));
        return command;
    }

    private static byte[] ReadPrompt(string? prompt, string? file)
    {
        if ((prompt is null) == (file is null))
            throw new InputException("give the text to continue by --prompt TEXT or by --prompt-file FILE, one of them");
        if (file is not null)
            return TextInput.ReadUtf8(file);
        return prompt == TextInput.StandardInput ? TextInput.ReadUtf8(prompt) : Encoding.UTF8.GetBytes(prompt!);
    }

    private static void Generate(
        MoeTransformer model, BpeTokenizer tokenizer, byte[] prompt, SamplingOptions options, bool json)
    {
        List<int> promptIds = [];
        tokenizer.Encode(prompt, promptIds);
        TokenStreamDecoder decoder = tokenizer.CreateStreamDecoder(skipSpecialTokens: true);
        StringBuilder text = new();
        TextWriter output = Console.Out;
        char last = '\n';
        void Show(string piece)
        {
            if (piece.Length == 0)
                return;
            last = piece[^1];
            if (json)
            {
                text.Append(piece);
                return;
            }
            output.Write(piece);
            output.Flush();
        }
        (List<int> ids, FinishReason reason) = new TextGenerator(model).Generate(
            promptIds.ToArray(), options, model.Config.EosTokenId ?? tokenizer.EndOfTextId, id =>
            {
                Show(decoder.Append(id));
                return true;
            });
        Show(decoder.Finish());
        if (!json)
        {
            if (last != '\n')
                output.WriteLine();
            return;
        }
        JsonOutput.Write(new JsonObject
        {
            ["prompt_ids"] = JsonOutput.Array(promptIds),
            ["ids"] = JsonOutput.Array(ids),
            ["text"] = text.ToString(),
            ["finish_reason"] = reason == FinishReason.Stop ? "stop" : "length",
        });
    }
}
