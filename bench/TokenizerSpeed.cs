#:project ../src/Mazij/Mazij.csproj
// How fast the tokenizer trains and encodes on this machine:
//   dotnet run -c Release bench/TokenizerSpeed.cs [megabytes=40] [vocabulary=8192] [threads=all]
// Text: the XML documentation that ships with the .NET SDK.
using System.Diagnostics;
using System.Globalization;
using Mazij.Text.Tokenizers;

int megabytes = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 40;
int vocabularySize = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 8192;
int threads = args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : Environment.ProcessorCount;

string packs = Path.Combine(Path.GetDirectoryName(Environment.ProcessPath!)!, "packs");
if (!Directory.Exists(packs))
    packs = "/usr/share/dotnet/packs";
List<ReadOnlyMemory<byte>> documents = [];
long total = 0;
foreach (string file in Directory.EnumerateFiles(packs, "*.xml", SearchOption.AllDirectories)
    .Order(StringComparer.Ordinal))
{
    if (total >= (long)megabytes << 20)
        break;
    byte[] text = File.ReadAllBytes(file);
    int length = (int)Math.Min(text.Length, ((long)megabytes << 20) - total);
    documents.Add(text.AsMemory(0, length));
    total += length;
}
Console.WriteLine($"{documents.Count} documents, {total / 1e6:F1} MB");

BpeTokenizer? tokenizer = null;
for (int run = 0; run < 3; run++)
{
    Stopwatch clock = Stopwatch.StartNew();
    double counted = 0;
    tokenizer = TokenizerTrainer.Train(documents, new() { VocabularySize = vocabularySize, Threads = threads }, p =>
    {
        if (p.Merges == 0)
            counted = clock.Elapsed.TotalSeconds;
    });
    Console.WriteLine($"train: {tokenizer.VocabularySize} entries in {clock.Elapsed.TotalSeconds:F2} s, " +
        $"of which counting {counted:F2} s ({threads} threads)");
}

List<int> ids = [];
for (int run = 0; run < 5; run++)
{
    ids.Clear();
    Stopwatch clock = Stopwatch.StartNew();
    foreach (ReadOnlyMemory<byte> document in documents)
        tokenizer!.Encode(document.Span, ids);
    double seconds = clock.Elapsed.TotalSeconds;
    Console.WriteLine($"encode: {total / 1e6 / seconds:F1} MB/s, {ids.Count / 1e6 / seconds:F1} M tokens/s, " +
        $"{(double)total / ids.Count:F2} bytes per token, one thread");
}
Stopwatch decoding = Stopwatch.StartNew();
tokenizer!.Decode(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(ids));
Console.WriteLine($"decode: {total / 1e6 / decoding.Elapsed.TotalSeconds:F0} MB/s");

byte[] run1M = new byte[1_000_000];
Array.Fill(run1M, (byte)'a');
ids.Clear();
Stopwatch worst = Stopwatch.StartNew();
tokenizer.Encode(run1M, ids);
Console.WriteLine($"encode 1 MB of 'a': {worst.Elapsed.TotalMilliseconds:F0} ms");
