using System.Text.Json.Nodes;
using CsCheck;
using Mazij.Data;
using Mazij.Text;
using Mazij.Text.Corpora;

namespace Mazij.Tests.Data;

public sealed class TokenDatasetTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public TokenDatasetTests()
    {
        Build("small", new ByteTokenizer());
        Build("wide", new PairTokenizer());
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("small")]
    [InlineData("wide")]
    public void Any_range_reads_the_same_ids_as_the_whole_across_shards_and_widths(string name)
    {
        using TokenDataset dataset = TokenDataset.Open(folder[name]);
        int[] all = All(dataset.Train);
        Gen.Select(Gen.Int[0, all.Length], Gen.Int[0, all.Length]).Sample((a, b) =>
        {
            (int from, int to) = (Math.Min(a, b), Math.Max(a, b));
            int[] narrow = new int[to - from];
            long[] wide = new long[to - from];
            dataset.Train.Read(from, narrow.AsSpan());
            dataset.Train.Read(from, wide.AsSpan());
            Assert.Equal(all[from..to], narrow);
            Assert.Equal(all[from..to].Select(id => (long)id), wide);
        });
        Assert.Throws<ArgumentOutOfRangeException>(() => dataset.Train.Read(all.Length, new int[1].AsSpan()));
        Assert.Throws<ArgumentOutOfRangeException>(() => dataset.Train.Read(-1, new int[1].AsSpan()));
        Assert.Throws<ArgumentOutOfRangeException>(() => dataset.Train.Read(long.MaxValue, new int[1].AsSpan()));
    }

    [Fact]
    public void The_documents_of_a_range_are_those_that_overlap_it()
    {
        using TokenDataset dataset = TokenDataset.Open(folder["small"]);
        List<DocumentReference> all = [.. dataset.Train.EnumerateDocuments()];
        Gen.Select(Gen.Long[0, dataset.Train.Tokens - 1], Gen.Int[1, 500]).Sample((position, length) =>
        {
            int count = (int)Math.Min(length, dataset.Train.Tokens - position);
            IEnumerable<DocumentReference> expected =
                all.Where(d => d.FirstToken < position + count && d.FirstToken + d.Tokens > position);
            Assert.Equal(expected, dataset.Train.DocumentsIn(position, count));
        });
    }

    [Theory]
    [InlineData("small")]
    [InlineData("wide")]
    public void A_flipped_bit_anywhere_in_a_shard_is_noticed_when_opening_or_first_reading(string name)
    {
        string path = folder[$"{name}/train/00001.tokens"];
        byte[] good = File.ReadAllBytes(path);
        int[] expected;
        using (TokenDataset dataset = TokenDataset.Open(folder[name])) expected = All(dataset.Train);
        int unnoticed = 0;
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Int[0, 7], Gen.Bool).Sample(
            (at, bit, eager) =>
            {
                byte[] bad = [.. good];
                bad[at] ^= (byte)(1 << bit);
                // A new file: some mapping of the old one may live still.
                File.Delete(path);
                File.WriteAllBytes(path, bad);
                try
                {
                    using TokenDataset dataset = TokenDataset.Open(folder[name], verifyIds: eager);
                    Assert.Equal(expected, All(dataset.Train));
                    unnoticed++;
                }
                catch (InputException e)
                {
                    Assert.Contains("00001.tokens", e.Message, StringComparison.Ordinal);
                    Assert.DoesNotContain('\n', e.Message);
                }
            },
            iter: 300,
            threads: 1);
        // Only the up to 7 bytes of padding behind the ids carry nothing.
        Assert.InRange(unnoticed, 0, 10);
    }

    [Fact]
    public void A_shard_cut_short_or_overlong_or_gone_is_refused()
    {
        string path = folder["small/train/00000.tokens"];
        byte[] good = File.ReadAllBytes(path);
        Gen.Int[0, good.Length - 1].Sample(
            length =>
            {
                File.Delete(path);
                File.WriteAllBytes(path, good[..length]);
                Assert.Contains("00000.tokens", Refused().Message, StringComparison.Ordinal);
            },
            iter: 100,
            threads: 1);
        File.Delete(path);
        Assert.Contains("00000.tokens", Refused().Message, StringComparison.Ordinal);
        File.WriteAllBytes(path, [.. good, 0]);
        Assert.Contains("overlong", Refused().Message, StringComparison.Ordinal);
        File.WriteAllBytes(path, File.ReadAllBytes(folder["small/train/00001.tokens"]));
        Assert.Contains("not the shard that its dataset.json describes", Refused().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Random_headers_with_right_checksums_are_refused_without_harm()
    {
        string path = folder["header"];
        Gen.Select(Gen.Byte.Array[120], Gen.Int[0, 4000], Gen.Bool).Sample(
            (random, length, plausible) =>
            {
                byte[] bytes = new byte[ShardFormat.HeaderBytes];
                random.CopyTo(bytes, 0);
                ShardFormat.Magic.CopyTo(bytes);
                BitConverter.TryWriteBytes(bytes.AsSpan(8), ShardFormat.Version);
                BitConverter.TryWriteBytes(bytes.AsSpan(20), ShardFormat.BlockBytes);
                if (plausible)
                {
                    BitConverter.TryWriteBytes(bytes.AsSpan(12), 2);
                    BitConverter.TryWriteBytes(bytes.AsSpan(16), 257);
                }
                BitConverter.TryWriteBytes(
                    bytes.AsSpan(ShardFormat.HeaderBytes - 8), ShardFormat.HeaderChecksum(bytes));
                Assert.Throws<InputException>(() =>
                    ShardFormat.ReadHeader(bytes, path, ShardFormat.HeaderBytes + length));
            },
            iter: 2000);
    }

    [Fact]
    public void Tables_that_lie_under_right_checksums_are_refused()
    {
        // A document that begins beyond the end: what a program with a fault of its own could write.
        string path = folder["lying.tokens"];
        string checksum;
        using (ShardWriter writer = new(path, 257, new byte[32]))
        {
            writer.Add("x", 0, 3, [1, 2, 3]);
            writer.Add("x", 1, 3, [4, 300, 6]);
            checksum = writer.Finish().ToString("x32", null);
        }
        using (TokenShard shard = TokenShard.Open(path, checksum))
            Assert.Contains("the id 300", Assert.Throws<InputException>(() =>
                shard.Read(0, new int[6].AsSpan())).Message, StringComparison.Ordinal);

        byte[] bytes = File.ReadAllBytes(path);
        int documents = (int)ShardFormat.ReadHeader(bytes, path, bytes.Length).DocumentsOffset;
        foreach ((int field, long value) in new[] { (0, -1L),
            (0, 7), (1, -1), (1, long.MaxValue), (3, 2), (4, 2), (4, long.MaxValue), (3, -1) })
        {
            byte[] bad = [.. bytes];
            BitConverter.TryWriteBytes(bad.AsSpan(documents + ShardFormat.DocumentBytes + (8 * field)), value);
            ShardHeader header = ShardFormat.ReadHeader(bad, path, bad.Length);
            ulong tables = System.IO.Hashing.XxHash3.HashToUInt64(bad.AsSpan((int)header.TablesOffset));
            byte[] newHeader = ShardFormat.WriteHeader(header with { TablesChecksum = tables });
            newHeader.CopyTo(bad, 0);
            File.WriteAllBytes(path + field, bad);
            string newChecksum = System.IO.Hashing.XxHash128.HashToUInt128(newHeader).ToString("x32", null);
            InputException e = Assert.Throws<InputException>(() => TokenShard.Open(path + field, newChecksum));
            Assert.Contains("is damaged", e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_damaged_manifest_is_refused_or_harmless()
    {
        string path = folder["small/dataset.json"];
        byte[] good = File.ReadAllBytes(path);
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte, Gen.Bool).Sample(
            (at, value, cut) =>
            {
                byte[] bad = cut ? good[..at] : [.. good];
                if (!cut) bad[at] = value;
                File.WriteAllBytes(path, bad);
                try
                {
                    TokenDataset.Open(folder["small"]).Dispose();
                }
                catch (InputException e)
                {
                    Assert.Contains("small", e.Message, StringComparison.Ordinal);
                    Assert.DoesNotContain('\n', e.Message);
                }
            },
            iter: 1000,
            threads: 1);
    }

    [Theory]
    [InlineData("format", "\"other\"", "its format is not")]
    [InlineData("version", "2", "has version 2")]
    [InlineData("vocabulary_size", "256", "one number per id")]
    [InlineData("train", "null", "dataset.json' line")]
    [InlineData("tokenizer_hash", "\"cc\"", "another tokenizer")]
    public void A_wrong_value_in_the_manifest_is_named(string key, string value, string expected)
    {
        Change(manifest => manifest[key] = JsonNode.Parse(value));
        Assert.Contains(expected, Refused().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_given_twice_in_the_manifest_is_refused()
    {
        string path = folder["small/dataset.json"];
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"checksum\"", "\"corpus\"", StringComparison.Ordinal));
        Assert.Contains("corpus", Refused().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_manifest_cannot_lead_out_of_its_folder_or_lie_about_counts()
    {
        Change(manifest => manifest["train"]!["shards"]![0]!["file"] = "../wide/train/00000.tokens");
        Assert.Contains("outside its folder", Refused().Message, StringComparison.Ordinal);
        Build("small", new ByteTokenizer());
        Change(manifest => manifest["train"]!["tokens"] = 5);
        Assert.Contains("dataset.json says 5", Refused().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_tokenizer_is_refused_and_a_missing_data_set_named()
    {
        InputException e = Assert.Throws<InputException>(() => TokenDataset.Open(folder["small"], new string('c', 64)));
        Assert.Contains("another tokenizer", e.Message, StringComparison.Ordinal);
        Assert.Contains("none", Assert.Throws<InputException>(() =>
            TokenDataset.Open(folder["none"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_closed_data_set_cannot_be_read()
    {
        TokenDataset dataset = TokenDataset.Open(folder["small"]);
        dataset.Dispose();
        Assert.Throws<ObjectDisposedException>(() => dataset.Train.Read(0, new int[1].AsSpan()));
    }

    private static int[] All(TokenSplit split)
    {
        int[] ids = new int[split.Tokens];
        split.Read(0, ids.AsSpan());
        return ids;
    }

    private InputException Refused()
    {
        InputException e = Assert.Throws<InputException>(() => TokenDataset.Open(folder["small"]));
        Assert.DoesNotContain('\n', e.Message);
        return e;
    }

    private void Change(Action<JsonNode> change)
    {
        JsonNode manifest = JsonNode.Parse(File.ReadAllText(folder["small/dataset.json"]))!;
        change(manifest);
        // By hand, whoever makes them: what the values say must be checked too.
        manifest.AsObject().Remove("checksum");
        File.WriteAllText(folder["small/dataset.json"], manifest.ToJsonString());
    }

    private void Build(string name, ITokenizer tokenizer)
    {
        Random random = new(11);
        for (int i = 0; i < 60; i++)
            folder.Write($"text/{i}.txt", $"{i} {new string((char)('a' + (i % 26)), random.Next(1, 900))}");
        DatasetOptions options = new() { ShardBytes = 6000, ValidationFraction = 0.2 };
        TestDatasets.Build(Corpus.Open([folder["text"]]), tokenizer, folder[name], options);
    }
}
