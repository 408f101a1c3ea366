using System.Globalization;
using System.Text;
using Mazij.Configuration;

namespace Mazij.Training.Reports;

/// <summary>Everything that report.md tells of a run.</summary>
/// <param name="Name">The run's name: that of its folder.</param>
/// <param name="Config">What decided it.</param>
/// <param name="Facts">What it trains on what, and how it stands.</param>
/// <param name="History">What happened.</param>
/// <param name="Experts">The experts' load; null for a dense model.</param>
/// <param name="Xz">What xz makes of the validation text of each source.</param>
/// <param name="Samples">What the model wrote at several stages.</param>
/// <param name="PictureProblem">Why there are no pictures; null if there are.</param>
internal sealed record RunReport(
    string Name, RunConfig Config, RunFacts Facts, RunHistory History, ExpertLoadHistory? Experts,
    IReadOnlyList<XzBaseline> Xz, IReadOnlyList<SampleRecord> Samples, string? PictureProblem)
{
    private const int ShownCharacters = 1000, ShownDocuments = 8;

    /// <summary>The report as Markdown.</summary>
    public string ToMarkdown()
    {
        StringBuilder text = new();
        Line(text, $"# {MarkdownText.Cell(Name)}\n");
        Line(text, $"{StatusLine()}\n");
        AddSubject(text);
        SourceSections.AddSources(text, this);
        SourceSections.AddPhases(text, this);
        AddCurves(text);
        AddResult(text);
        AddSpeedAndCost(text);
        PredictionSection.Add(text, this);
        AddExperts(text);
        AddEvents(text);
        AddSamples(text);
        return text.ToString();
    }

    private string StatusLine()
    {
        string status = Facts.Status switch
        {
            RunStatus.Complete => "**Complete**",
            RunStatus.Interrupted => $"**Interrupted**; `mazij train --resume` goes on from the newest checkpoint",
            RunStatus.Failed => $"**Failed**: {MarkdownText.Cell(Facts.Reason ?? "no reason was given")}",
            _ => "**Running** when this was written",
        };
        return Invariant($"{status}: {History.LastStep?.Step ?? 0:N0} steps, {Quantity.Count(History.LastStep?.Tokens ?? 0)} tokens, {Quantity.Duration(History.Seconds)} of training.");
    }

    private void AddSubject(StringBuilder text)
    {
        (ModelFacts model, DataFacts data, MachineFacts machine) = (Facts.Model, Facts.Data, Facts.Machine);
        TrainingConfig training = Config.Training;
        Line(text, "## What was trained on what\n");
        Line(text, "| | |\n|---|---|");
        Row(text, "model", $"{model.Type}: {model.Shape}");
        Row(text, "parameters", $"{Quantity.FineCount(model.TotalParameters)}, of which a token passes {Quantity.FineCount(model.ActiveParameters)}; {Quantity.Flops(model.FlopsPerToken)} a token in training");
        Row(text, "data", Invariant($"{(data.Sources.Count == 0 ? "" : $"{data.Sources.Count} sources: ")}{data.Corpus}; {data.Duplicates:N0} duplicates left out"));
        Row(text, "training split", Split(data.Train));
        Row(text, "validation split", Split(data.Validation));
        if (data.Train.Tokens > 0 && data.Sources.Count == 0)
            Row(text, "passes over the data", Invariant($"{(double)(History.LastStep?.Tokens ?? 0) / data.Train.Tokens:F2}"));
        Row(text, "tokenizer", Invariant($"{data.VocabularySize:N0} entries; {BytesPerToken(data.Train)}"));
        Row(text, "batch", Batch(training));
        Row(text, "recipe", Invariant($"AdamW, learning rate {training.LearningRate:0.0#e+0}, weight decay {training.WeightDecay}, gradient norm at most {training.MaxGradNorm}; seed {training.Seed}"));
        string peak = machine.PeakFlopsPerSecond is double rate ? $"; matrix products at {Quantity.Flops(rate)}/s, measured" : "";
        Row(text, "device", Invariant($"{machine.Device} ({machine.Processor}), {machine.Dtype}, {machine.Threads} threads{peak}"));
        Row(text, "software", $"Mazij {machine.Mazij}, .NET {machine.Dotnet}, libtorch {machine.Libtorch ?? "unknown"}, {machine.System}");
        string sessions = Facts.Sessions == 1 ? "" : Invariant($"; {Facts.Sessions} sessions, the newest from step {Facts.SessionFrom:N0}");
        Row(text, "when", Invariant($"from {Facts.Started:yyyy-MM-dd HH:mm} to {Facts.Updated:yyyy-MM-dd HH:mm} UTC{sessions}"));
        Line(text, "\nEvery key is in [run.yaml](run.yaml), every step in [metrics.jsonl](metrics.jsonl).\n");
    }

    private void AddCurves(StringBuilder text)
    {
        if (History.Loss.IsEmpty)
            return;
        Line(text, "## Curves\n");
        if (PictureProblem is not null)
        {
            Line(text, $"There are no pictures: {MarkdownText.Cell(PictureProblem)}.\n");
            return;
        }
        Line(text, $"![Loss and learning rate over the steps]({RunFolder.LossPictureName})\n");
        if (Experts is not null)
            Line(text, $"![Load of the experts]({RunFolder.ExpertLoadPictureName})\n");
    }

    private void AddResult(StringBuilder text)
    {
        Line(text, "## Result\n");
        Line(text, "| | loss, nats a token | bits per byte |\n|---|---:|---:|");
        if (History.FirstLoss is double first)
            Line(text, Invariant($"| training, first step | {first:F4} | |"));
        if (History.RecentLoss is double recent)
            Line(text, Invariant($"| training, mean of the last steps | {recent:F4} | |"));
        if (History.BestEvaluation is EvaluationRecord best && best.Step != History.LastEvaluation!.Step)
            Line(text, Evaluation("validation, best", best));
        if (History.LastEvaluation is EvaluationRecord last)
            Line(text, Evaluation("validation, last", last));
        if (Facts.Data.Sources.Count > 0)
        {
            SourceSections.AddBaselines(text, this);
            return;
        }
        Line(text, "\n| the same validation text | bits per byte |\n|---|---:|");
        Line(text, Invariant($"| this model | {(History.LastEvaluation is null ? "not evaluated yet" : Bits(History.LastEvaluation.BitsPerByte))} |"));
        Line(text, $"| `gzip -9` | {(Facts.Data.GzipBitsPerByte is double gzip ? Bits(gzip) : "no validation text")} |");
        Line(text, $"| `xz -9` | {(Xz[0].BitsPerByte is double xz ? Bits(xz) : "not measured: " + MarkdownText.Cell(Xz[0].Reason ?? ""))} |\n");
        if (Facts.Data.MeasuredBytes > 0)
            Line(text, Invariant($"The compressors were given {Quantity.Bytes(Facts.Data.MeasuredBytes)} at once and pack from nothing; the model has seen the training text.\n"));
    }

    private void AddSpeedAndCost(StringBuilder text)
    {
        if (History.LastStep is not StepRecord last)
            return;
        Line(text, "## Speed and cost\n");
        Line(text, "| | |\n|---|---:|");
        if (History.TokensPerSecond.Median() is double median)
            Row(text, "tokens a second, median", Invariant($"{median:N0}"));
        if (History.MeanTokensPerSecond is double mean)
            Row(text, "tokens a second, all steps but the first", Invariant($"{mean:N0}"));
        if (History.Mfu.Median() is double mfu)
            Row(text, "MFU, median: share of the measured matrix product rate", Invariant($"{100 * mfu:F1} %"));
        double all = Math.Max(History.Seconds, 1e-9), rest = Math.Max(0, all - History.StepSeconds - History.EvaluationSeconds);
        Row(text, "time in steps", Share(History.StepSeconds, all));
        Row(text, "time in evaluations", Share(History.EvaluationSeconds, all));
        Row(text, "time in checkpoints, samples and the rest", Share(rest, all));
        if (Config.Cost.PricePerHour is not double price)
        {
            Line(text, "\nNo cost: the run file says no `cost.price_per_hour`.\n");
            return;
        }
        double cost = History.Seconds / 3600 * price;
        Row(text, "price of an hour", Invariant($"{price} {Config.Cost.Currency}"));
        Row(text, Facts.Status == RunStatus.Complete ? "cost" : "cost so far", Invariant($"{cost:G3} {Config.Cost.Currency}"));
        Row(text, "cost of a million tokens", Invariant($"{cost / last.Tokens * 1e6:G3} {Config.Cost.Currency}"));
        Line(text, "");
    }

    private void AddExperts(StringBuilder text)
    {
        if (Experts is null || History.LastStep?.ExpertLoadMaxOverMean is null)
            return;
        string entropy = History.RouterEntropy.IsEmpty ? "" : Invariant(
            $" Entropy of the routers' probabilities, 1 where they prefer no expert: {History.RouterEntropy[0].Mean:F2} at first, {History.RouterEntropy[^1].Mean:F2} at the end.");
        Line(text, "## Experts\n");
        Line(text, Invariant($"Load of the fullest expert over the mean, 1 being perfect balance: {History.ExpertLoad[0].Mean:F2} at the first step, {History.ExpertLoad[^1].Mean:F2} at the end.{entropy} By layer, over steps {Experts.FinalFrom:N0} to {Experts.LastStep:N0}:\n"));
        Line(text, "| layer with experts | fullest | emptiest | without a token |\n|---:|---:|---:|---:|");
        for (int layer = 0; layer < Experts.FinalShares.Length; layer++)
        {
            double[] shares = Experts.FinalShares[layer];
            Line(text, Invariant($"| {layer} | {shares.Max():F2} | {shares.Min():F2} | {shares.Count(share => share == 0)} |"));
        }
        Line(text, "");
    }

    private void AddEvents(StringBuilder text)
    {
        EventLog events = History.Events;
        Line(text, "## Events\n");
        if (events.Count == 0)
        {
            Line(text, "None.\n");
            return;
        }
        Line(text, string.Join(", ", events.Counts.Select(pair => Invariant($"{pair.Value:N0} {new TrainingEvent(0, pair.Key, "").Name}"))).Replace("_", " ", StringComparison.Ordinal) + ".\n");
        Line(text, "| step | what | documents |\n|---:|---|---|");
        foreach (TrainingEvent happened in events.First)
            Line(text, Event(happened));
        if (events.LeftOut > 0)
            Line(text, Invariant($"| | {events.LeftOut:N0} more, in [metrics.jsonl](metrics.jsonl) | |"));
        foreach (TrainingEvent happened in events.Newest)
            Line(text, Event(happened));
        Line(text, "");
    }

    private void AddSamples(StringBuilder text)
    {
        if (Samples.Count == 0)
            return;
        Line(text, "## Samples\n");
        foreach (IGrouping<string, SampleRecord> prompt in Samples.GroupBy(sample => sample.Prompt))
        {
            Line(text, $"Prompt:\n\n{MarkdownText.Block(Shown(prompt.Key))}");
            foreach (SampleRecord sample in prompt)
                Line(text, Invariant($"After step {sample.Step:N0}:\n\n{MarkdownText.Block(Shown(sample.Text))}"));
        }
    }

    private static string Event(TrainingEvent happened)
    {
        IEnumerable<string> shown = happened.Documents.Take(ShownDocuments).Select(document => Invariant($"{document.Source}#{document.Index}"));
        string more = happened.Documents.Count > ShownDocuments ? Invariant($" and {happened.Documents.Count - ShownDocuments} more") : "";
        return Invariant($"| {happened.Step:N0} | {MarkdownText.Cell(happened.Message)} | {MarkdownText.Cell(string.Join(", ", shown))}{more} |");
    }

    private static string Shown(string text) => text.Length <= ShownCharacters ? text : text[..ShownCharacters] + " ...";

    private static string Batch(TrainingConfig training)
    {
        string batch = Invariant($"{training.GlobalBatchSize} sequences of {training.SequenceLength} tokens, micro-batches of {training.MicroBatchSize}");
        if (training.BatchWarmup is { } warmup)
            batch += Invariant($"; grown from {warmup.From} sequences over {Quantity.Count(warmup.Tokens ?? 0)} tokens");
        if (training.LongContext is { } phase)
            batch += Invariant($"; from {100 * phase.From:0.##} % of the run on sequences of {phase.SequenceLength} tokens, micro-batches of {phase.MicroBatchSize}");
        return batch;
    }

    private static string Split(SplitFacts split) => Invariant($"{split.Documents:N0} documents, {Quantity.Count(split.Tokens)} tokens, {Quantity.Bytes(split.TextBytes)} of text");

    private static string BytesPerToken(SplitFacts split) => Invariant($"{(double)split.TextBytes / Math.Max(1, split.Tokens):F2} bytes of text a token");

    private static string Evaluation(string name, EvaluationRecord record) =>
        Invariant($"| {name} (step {record.Step:N0}) | {record.Loss:F4} | {Bits(record.BitsPerByte)} |");

    private static string Bits(double bits) => bits.ToString("F3", CultureInfo.InvariantCulture);

    private static string Share(double seconds, double all) => Invariant($"{Quantity.Duration(seconds)}, {100 * seconds / all:F1} %");

    private static void Row(StringBuilder text, string name, string value) => Line(text, $"| {name} | {MarkdownText.Cell(value)} |");

    private static void Line(StringBuilder text, string line) => text.Append(line).Append('\n');

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
