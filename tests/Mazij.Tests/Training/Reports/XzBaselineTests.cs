using System.Diagnostics;
using System.Text;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Tests.Data;
using Mazij.Training.Reports;

namespace Mazij.Tests.Training.Reports;

public sealed class XzBaselineTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void It_is_what_xz_makes_of_the_validation_text_and_is_kept()
    {
        using PreparedData data = Prepare();
        Assert.Null(XzBaseline.Known(data.Sources[0], folder["cache"]));
        XzBaseline measured = XzBaseline.Measure(data.Sources[0], data.Tokenizer, folder["cache"], TimeSpan.FromSeconds(30));
        Assert.SkipWhen(measured.Reason == "xz is not installed", "xz is not installed");
        long bytes = data.Dataset.Manifest.Gzip.TextBytes;
        Assert.Equal(8.0 * CompressedByPlainXz(data) / bytes, measured.BitsPerByte!.Value, 12);
        Assert.Null(measured.Reason);
        Assert.Equal(measured, XzBaseline.Known(data.Sources[0], folder["cache"]));
        Assert.True(measured.BitsPerByte < data.Dataset.Manifest.Gzip.BitsPerByte);
    }

    [Fact]
    public void What_takes_too_long_is_given_up_and_not_kept()
    {
        using PreparedData data = Prepare();
        XzBaseline measured = XzBaseline.Measure(data.Sources[0], data.Tokenizer, folder["cache"], TimeSpan.Zero);
        Assert.Null(measured.BitsPerByte);
        Assert.NotNull(measured.Reason);
        Assert.Null(XzBaseline.Known(data.Sources[0], folder["cache"]));
    }

    [Fact]
    public void A_damaged_note_of_an_earlier_measurement_is_passed_over()
    {
        using PreparedData data = Prepare();
        folder.Write(Path.Combine("cache", "xz", data.Identity + ".json"), "{\"bits_per_byte\":\"few\"}");
        Assert.Null(XzBaseline.Known(data.Sources[0], folder["cache"]));
    }

    /// <summary>The documents of the validation split, decoded one after the other and given to xz without any finesse.</summary>
    private long CompressedByPlainXz(PreparedData data)
    {
        List<byte> text = [];
        foreach (DocumentReference document in data.Dataset.Validation.EnumerateDocuments())
        {
            int[] ids = new int[document.Tokens];
            data.Dataset.Validation.Read(document.FirstToken, ids.AsSpan());
            text.AddRange(data.Tokenizer.Decode([.. ids.Where(id => id != data.Tokenizer.EndOfTextId)]));
        }
        Assert.Equal(data.Dataset.Manifest.Gzip.TextBytes, text.Count);
        string path = folder.Write("validation.txt", [.. text]);
        using Process process = Process.Start(new ProcessStartInfo("xz", ["-9", "--threads=1", "--keep", path]))!;
        process.WaitForExit();
        return new FileInfo(path + ".xz").Length;
    }

    private PreparedData Prepare()
    {
        Random random = new(3);
        StringBuilder text = new();
        while (text.Length < 400_000)
            text.Append("word").Append(random.Next(2000)).Append(random.Next(12) == 0 ? ".\n\n" : " ");
        DataConfig config = new() { Corpus = [folder.Write("corpus.txt", text.ToString())], ValidationFraction = 0.3 };
        return PreparedData.Make(
            config, new TokenizerConfig { VocabSize = 300 }, folder["cache"], threads: 1, _ => { }, TestContext.Current.CancellationToken);
    }
}
