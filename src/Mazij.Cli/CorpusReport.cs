using System.Globalization;
using System.Text.Json.Nodes;
using Mazij.Data;
using Mazij.Devices;
using Mazij.Text.Corpora;

namespace Mazij.Cli;

/// <summary>Reads a corpus and prints what is in it.</summary>
internal static class CorpusReport
{
    /// <summary>Reads it once.</summary>
    public static void Run(Corpus corpus, bool asJson)
    {
        using Interruption interruption = new("mazij: stopping");
        ConsoleProgress console = new();
        CorpusStatistics statistics = CorpusStatistics.Compute(
            corpus,
            (documents, reading) =>
            {
                if (!asJson)
                    console.ShowPreparation(new PreparationProgress("reading", $"{documents:N0} documents, {PreparationProgress.Describe(reading)}", false));
            },
            interruption.Token);
        if (asJson)
            PrintJson(statistics);
        else
            Print(statistics);
    }

    private static void Print(CorpusStatistics statistics)
    {
        TextWriter output = Console.Out;
        output.WriteLine(Invariant($"files       {statistics.Files:N0}, {statistics.InputBytes:N0} bytes"));
        output.WriteLine(Invariant($"documents   {statistics.Documents:N0}, {statistics.TextBytes:N0} bytes of text"));
        output.WriteLine(Invariant($"duplicates  {statistics.Duplicates:N0} left out, {statistics.DuplicateBytes:N0} bytes"));
        output.WriteLine(Invariant($"longest     {statistics.LongestDocumentBytes:N0} bytes, in {statistics.LongestDocumentSource}"));
        output.WriteLine(Invariant($"read in     {statistics.Seconds:F1} s: {statistics.MegabytesPerSecond:N0} MB of text a second, {statistics.MegabytesPerProcessorSecond:N0} per second of processor time"));
        output.WriteLine(Invariant($"memory      {ProcessMemory.Peak() / 1e6:N0} MB resident at most"));
    }

    private static void PrintJson(CorpusStatistics statistics) => JsonOutput.Write(new JsonObject
    {
        ["files"] = statistics.Files,
        ["input_bytes"] = statistics.InputBytes,
        ["documents"] = statistics.Documents,
        ["text_bytes"] = statistics.TextBytes,
        ["duplicates"] = statistics.Duplicates,
        ["duplicate_bytes"] = statistics.DuplicateBytes,
        ["longest_document_bytes"] = statistics.LongestDocumentBytes,
        ["longest_document_source"] = statistics.LongestDocumentSource,
        ["seconds"] = statistics.Seconds,
        ["processor_seconds"] = statistics.ProcessorSeconds,
        ["megabytes_per_second"] = statistics.MegabytesPerSecond,
        ["megabytes_per_processor_second"] = statistics.MegabytesPerProcessorSecond,
        ["peak_rss_bytes"] = ProcessMemory.Peak(),
    });

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
