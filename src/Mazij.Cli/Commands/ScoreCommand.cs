using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Mazij.Formats.HuggingFace;
using Mazij.Generation;
using Mazij.Models;
using Mazij.Text.Tokenizers;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij score</c>.</summary>
internal static class ScoreCommand
{
    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Argument<string> model = new("MODEL") { Description = "A Hugging Face style model folder, or a run's folder." };
        Option<string?> text = new("--text") { Description = "A UTF-8 text to score; - reads standard input.", HelpName = "FILE" };
        Option<string?> ids = new("--ids")
        {
            Description = "A JSON array of id sequences of equal length, as [[1, 2, 3], [4, 5, 6]].",
            HelpName = "FILE.json",
        };
        Option<int?> sequenceLength = new("--sequence-length")
        {
            Description = "Tokens read in one window of a text (default: the model's longest sequence).",
            HelpName = "N",
        };
        Option<string?> logits = new("--logits")
        {
            Description = "Write the F32 tensor logits [sequence, position, vocab] to this safetensors file.",
            HelpName = "OUT.safetensors",
        };
        Option<bool> json = new("--json") { Description = "Print loss, perplexity, tokens and bits_per_byte as JSON." };
        Command command = new(
            "score",
            "Measure how well a model predicts a text or given ids: loss (mean nats a token), perplexity, bits per byte.\n" +
            "A text is cut into windows without overlap; every token but the first is predicted once.\n\n" +
            "Example: mazij score runs/quickstart/model --text README.md")
        { model, text, ids, sequenceLength, logits, json };
        ComputeOptionSet compute = new(command, "fp32");
        command.SetAction(parsed => Failures.Guard(() =>
        {
            string? textFile = parsed.GetValue(text), idFile = parsed.GetValue(ids), output = parsed.GetValue(logits);
            if ((textFile is null) == (idFile is null))
                throw new InputException("give what to score by --text FILE or by --ids FILE.json, one of them");
            if (idFile is not null && parsed.GetValue(sequenceLength) is not null)
                throw new InputException("--sequence-length cuts a text; sequences given by --ids keep their length");
            string folder = ModelFolder.Resolve(parsed.GetRequiredValue(model));
            ModelConfig config = HuggingFaceConfig.Read(folder);
            using Interruption interruption = new("mazij: stopping");
            Score score;
            if (idFile is not null)
            {
                int[][] sequences = IdFile.ReadSequences(idFile, config.VocabSize);
                using MoeTransformer transformer = compute.LoadModel(parsed, folder);
                score = ScoreSequences(transformer, sequences, output, interruption.Token);
            }
            else
            {
                int window = WindowOf(parsed.GetValue(sequenceLength), config);
                BpeTokenizer tokenizer = ModelFolder.LoadTokenizer(folder, config);
                List<int> stream = [];
                tokenizer.Encode(TextInput.ReadUtf8(textFile!), stream);
                if (output is not null && stream.Count > window)
                    throw new InputException($"--logits needs sequences of equal length: the text has {stream.Count} tokens, a window {window}; give a shorter text, or --ids");
                using MoeTransformer transformer = compute.LoadModel(parsed, folder);
                Scorer scorer = new(transformer);
                int[] all = [.. stream];
                score = scorer.ScoreStream(all, window, id => tokenizer.TokenBytes(id).Length, interruption.Token);
                if (output is not null)
                    scorer.WriteLogits([all], output, interruption.Token);
            }
            Print(score, parsed.GetValue(json));
            return 0;
        }));
        return command;
    }

    private static Score ScoreSequences(MoeTransformer model, int[][] sequences, string? logits, CancellationToken cancellation)
    {
        Scorer scorer = new(model);
        return logits is null
            ? scorer.ScoreSequences(sequences, cancellation)
            : scorer.WriteLogits(sequences, logits, cancellation);
    }

    private static int WindowOf(int? asked, ModelConfig config)
    {
        int longest = config.MaxPositionEmbeddings;
        return asked is null or >= 1 && (asked ?? longest) <= longest
            ? asked ?? longest
            : throw new InputException($"--sequence-length is {asked}; it must be from 1 to the model's max_position_embeddings, {longest}");
    }

    private static void Print(Score score, bool json)
    {
        if (json)
        {
            JsonOutput.Write(new JsonObject
            {
                ["loss"] = score.Loss,
                // JSON has no infinity: a model far off its track.
                ["perplexity"] = double.IsFinite(score.Perplexity) ? score.Perplexity : null,
                ["tokens"] = score.Tokens,
                ["bits_per_byte"] = score.BitsPerByte,
            });
            return;
        }
        string bits = score.BitsPerByte is double value
            ? string.Create(CultureInfo.InvariantCulture, $", {value:F4} bits per byte")
            : "";
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"loss {score.Loss:F4} nats a token, perplexity {score.Perplexity:G5}{bits} ({score.Tokens:N0} tokens predicted)"));
    }
}
