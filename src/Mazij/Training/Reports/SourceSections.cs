using System.Text;
using Mazij.Configuration;
using Mazij.Data;
using static System.FormattableString;

namespace Mazij.Training.Reports;

/// <summary>What report.md tells of a run with several sources, and of the phases of its recipe.</summary>
internal static class SourceSections
{
    /// <summary>What each source holds, its share, and what was drawn from it.</summary>
    public static void AddSources(StringBuilder text, RunReport report)
    {
        if (report.Facts.Data.Sources.Count == 0)
            return;
        text.Append("## Sources\n\n");
        text.Append("| source | corpus | documents | tokens | text | duplicates left out | drawn from another source instead |\n");
        text.Append("|---|---|---:|---:|---:|---:|---:|\n");
        foreach (SourceFacts source in report.Facts.Data.Sources)
        {
            text.Append(Invariant($"| {MarkdownText.Cell(source.Name)} | {MarkdownText.Cell(source.Corpus)} | {source.Train.Documents:N0} | {Quantity.Count(source.Train.Tokens)} "));
            text.Append(Invariant($"| {Quantity.Bytes(source.Train.TextBytes)} | {source.Duplicates:N0} | {Percent(source.ShareLeftOut)} |\n"));
        }
        text.Append("\n| source | share by weight | drawn | share drawn | passes over it |\n|---|---|---:|---:|---:|\n");
        IReadOnlyDictionary<string, long> drawn = report.History.Phases.Drawn;
        double all = Math.Max(1, drawn.Values.Sum());
        foreach (SourceFacts source in report.Facts.Data.Sources)
        {
            long tokens = drawn.GetValueOrDefault(source.Name);
            double own = Math.Max(1, source.Train.Tokens * (1 - source.ShareLeftOut));
            text.Append(Invariant($"| {MarkdownText.Cell(source.Name)} | {SharesOf(source.Name, report.Config.Data)} | {Quantity.Count(tokens)} tokens | {Percent(tokens / all)} | {tokens / own:F2} |\n"));
        }
        text.Append('\n');
    }

    /// <summary>How the batch, the mixture and the length of sequences changed, and what was drawn in between.</summary>
    public static void AddPhases(StringBuilder text, RunReport report)
    {
        IReadOnlyList<RunPhase> phases = report.History.Phases.All;
        if (phases.Count == 0 || (phases.Count == 1 && report.Facts.Data.Sources.Count == 0))
            return;
        text.Append("## Phases\n\n| steps | what began | sequences a step | tokens in each | trained on | drawn from |\n|---|---|---:|---:|---:|---|\n");
        foreach (RunPhase phase in phases)
        {
            string began = phase.Changes.Count == 0 ? "the run" : string.Join("; ", phase.Changes);
            string sequences = phase.FirstSequences == phase.LastSequences
                ? Invariant($"{phase.LastSequences:N0}") : Invariant($"{phase.FirstSequences:N0} to {phase.LastSequences:N0}");
            double all = Math.Max(1, phase.Drawn.Values.Sum());
            IEnumerable<string> drawn = report.Facts.Data.Sources.Where(source => phase.Drawn.ContainsKey(source.Name))
                .Select(source => $"{source.Name} {Percent(phase.Drawn[source.Name] / all)}");
            text.Append(Invariant($"| {phase.FirstStep:N0} to {phase.LastStep:N0} | {MarkdownText.Cell(began)} | {sequences} | {phase.SequenceLength:N0} "));
            text.Append(Invariant($"| {Quantity.Count(phase.Tokens)} tokens | {MarkdownText.Cell(string.Join(", ", drawn))} |\n"));
        }
        text.Append('\n');
    }

    /// <summary>The model and the compressors on each source's validation text, and on all.</summary>
    public static void AddBaselines(StringBuilder text, RunReport report)
    {
        DataFacts data = report.Facts.Data;
        EvaluationRecord? last = report.History.LastEvaluation;
        Dictionary<string, XzBaseline> xz = data.Sources.Zip(report.Xz).ToDictionary(pair => pair.First.Name, pair => pair.Second);
        text.Append("\n| validation text, bits per byte | loss | this model | `gzip -9` | `xz -9` | compressed at once |\n|---|---:|---:|---:|---:|---:|\n");
        foreach (SourceFacts source in data.Sources)
        {
            SourceEvaluation? own = last?.Sources.FirstOrDefault(each => each.Source == source.Name);
            text.Append(Invariant($"| {MarkdownText.Cell(source.Name)} | {Number(own?.Loss, 4)} | {Number(own?.BitsPerByte, 3)} | {Number(source.GzipBitsPerByte, 3)} "));
            text.Append(Invariant($"| {Number(xz[source.Name].BitsPerByte, 3)} | {Quantity.Bytes(source.MeasuredBytes)} |\n"));
        }
        text.Append(Invariant($"| all, by the shares at the start | {Number(last?.Loss, 4)} | {Number(last?.BitsPerByte, 3)} | {Number(data.GzipBitsPerByte, 3)} "));
        text.Append(Invariant($"| {Number(data.Combine(source => xz[source.Name].BitsPerByte), 3)} | |\n\n"));
        text.Append("The compressors were given each source's validation text by itself and pack from nothing; the model has seen the training text. ");
        text.Append("The figures of all are those of as many tokens of each source as its share at the start of the run.\n");
        foreach (IGrouping<string, string> missing in xz.Where(pair => pair.Value.Reason is not null).GroupBy(pair => pair.Value.Reason!, pair => pair.Key))
            text.Append($"`xz -9` was not measured for {MarkdownText.Cell(string.Join(", ", missing))}: {MarkdownText.Cell(missing.Key)}.\n");
        text.Append('\n');
    }

    /// <summary>The share at the start and behind each change of the mixture.</summary>
    private static string SharesOf(string source, DataConfig data)
    {
        MixtureSchedule schedule = new(data, data.Sources.Select(one => one.Name));
        double ShareFrom(double? start) => schedule.InFileOrder(start).FirstOrDefault(one => one.Source == source).Share;
        IEnumerable<string> later = data.Mixture.Where(mixture => mixture.From > 0)
            .Select(mixture => Invariant($"{Percent(ShareFrom(mixture.From))} from {100 * mixture.From:0.##} % of the run on"));
        return string.Join(", ", later.Prepend(Percent(ShareFrom(schedule.StartAt(0)))));
    }

    private static string Number(double? value, int digits) =>
        value is double number ? number.ToString("F" + digits, System.Globalization.CultureInfo.InvariantCulture) : "-";

    private static string Percent(double share) => Invariant($"{100 * share:0.#} %");
}
