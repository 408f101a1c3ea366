using System.IO.Hashing;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mazij.Formats;

namespace Mazij.Data;

/// <summary>What dataset.json says about a data set.</summary>
public sealed record DatasetManifest
{
    /// <summary>The manifest's file name.</summary>
    public const string FileName = "dataset.json";

    internal const string FormatName = "mazij-dataset";

    // The largest vocabulary takes 45 MB, a hundred thousand shards 15 MB.
    private const long MaximumBytes = 256L << 20;

    private static readonly JsonSerializerOptions Json = new()
    {
        AllowDuplicateProperties = false,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        // A number too large for a double reads as infinity, which must be written again for the checksum.
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Always "mazij-dataset".</summary>
    public required string Format { get; init; }

    /// <summary>Version of the format.</summary>
    public required int Version { get; init; }

    /// <summary>The inputs that the text came from.</summary>
    public required string Corpus { get; init; }

    /// <summary>SHA-256 of the tokenizer.json that made the ids.</summary>
    public required string TokenizerHash { get; init; }

    /// <summary>Every id is below it.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The id that ends each document, if the tokenizer has one.</summary>
    public required int? EndOfTextId { get; init; }

    /// <summary>Documents left out because the same text came before.</summary>
    public required long Duplicates { get; init; }

    /// <summary>Bytes of text left out as duplicates.</summary>
    public required long DuplicateBytes { get; init; }

    /// <summary>Share of the documents that was to be kept for validation.</summary>
    public required double ValidationFraction { get; init; }

    /// <summary>Bytes of text that each id stands for, as 16-bit little-endian numbers in base64; 0 for the end of
    /// text.</summary>
    public required byte[] TokenTextBytes { get; init; }

    /// <summary>The training split.</summary>
    public required SplitManifest Train { get; init; }

    /// <summary>The validation split.</summary>
    public required SplitManifest Validation { get; init; }

    /// <summary>What a general compressor makes of the validation text, to compare a model's loss with.</summary>
    public required GzipBaseline Gzip { get; init; }

    /// <summary>XxHash128, hexadecimal, of this manifest's JSON without this entry; null in data sets of before there was one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Checksum { get; init; }

    internal void Write(string path) =>
        AtomicFile.WriteText(path, JsonSerializer.Serialize(this with { Checksum = ComputeChecksum() }, Json) + "\n");

    internal static DatasetManifest Read(string path)
    {
        DatasetManifest manifest;
        try
        {
            using FileStream stream = File.OpenRead(path);
            if (stream.Length > MaximumBytes)
                throw new InputException($"'{path}' has {stream.Length} bytes, too many for a data set's manifest.");
            manifest =
                JsonSerializer.Deserialize<DatasetManifest>(stream, Json) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new InputException(
                $"'{path}' line {(e.LineNumber ?? 0) + 1} is not a data set's manifest: "
                + MessageText.OneLine(e.Message.ReplaceLineEndings(" "), 300), e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"Cannot read '{path}': {e.Message} Build the data set first.", e);
        }
        if (manifest.Format != FormatName)
            throw new InputException(
                $"'{path}' is not a data set's manifest: its format is not {FormatName}.");
        if (manifest.Version != ShardFormat.Version)
            throw new InputException(
                $"'{path}' has version {manifest.Version}, this program reads {ShardFormat.Version}: build the data "
                + "set again.");
        if (manifest.VocabularySize < 1 || manifest.TokenTextBytes.Length / 2 != manifest.VocabularySize)
            throw new InputException($"'{path}' is damaged: token_text_bytes does not have one number per id.");
        if (manifest.Checksum is string expected && expected != manifest.ComputeChecksum())
            throw new InputException($"'{path}' is damaged: its checksum is wrong; build the data set again.");
        return manifest;
    }

    private string ComputeChecksum() =>
        Convert.ToHexStringLower(XxHash128.Hash(JsonSerializer.SerializeToUtf8Bytes(this with { Checksum = null }, Json)));
}

/// <summary>One split in dataset.json.</summary>
public sealed record SplitManifest
{
    /// <summary>Number of tokens.</summary>
    public required long Tokens { get; init; }

    /// <summary>Number of documents.</summary>
    public required long Documents { get; init; }

    /// <summary>Bytes of their text.</summary>
    public required long TextBytes { get; init; }

    /// <summary>The shards in order.</summary>
    public required IReadOnlyList<ShardManifest> Shards { get; init; }
}

/// <summary>One shard in dataset.json.</summary>
/// <param name="File">Path relative to dataset.json, with / between folders.</param>
/// <param name="Tokens">Number of tokens.</param>
/// <param name="Documents">Number of documents.</param>
/// <param name="Checksum">XxHash128 of the shard's header, which holds the checksums of the rest.</param>
public sealed record ShardManifest(string File, long Tokens, long Documents, string Checksum);

/// <summary>What gzip at its best level makes of the validation text.</summary>
/// <param name="TextBytes">Bytes of validation text compressed: all of it up to a limit; 0 if there is none.</param>
/// <param name="CompressedBytes">Bytes they were compressed to.</param>
public sealed record GzipBaseline(long TextBytes, long CompressedBytes)
{
    /// <summary>Compressed bits per byte of text, comparable with a model's bits per byte; null without text.</summary>
    [JsonIgnore]
    public double? BitsPerByte => TextBytes > 0 ? 8.0 * CompressedBytes / TextBytes : null;
}
