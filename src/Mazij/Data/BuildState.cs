using System.IO.Hashing;
using Mazij.Formats;

namespace Mazij.Data;

/// <summary>
/// How far an unfinished build is, in one file beside its shards that is replaced as a whole: everything that cannot be
/// had again by reading the corpus, which is what the writers of the two splits hold.
/// </summary>
internal sealed record BuildState
{
    private const string FileName = "build.state";
    private const int Version = 1;
    private const int ChecksumBytes = 16;

    private static ReadOnlySpan<byte> Magic => "MAZIJBLD"u8;

    /// <summary>What is being built.</summary>
    public required BuildIdentity Identity { get; init; }

    /// <summary>How the tokenizer beside the shards was trained on the corpus; empty if it was given.</summary>
    public required string Recipe { get; init; }

    /// <summary>Documents written.</summary>
    public required long Documents { get; init; }

    /// <summary>A hash of the hashes of these documents, in order.</summary>
    public required UInt128 DocumentsHash { get; init; }

    /// <summary>What <see cref="SplitWriter.Save"/> wrote of the training split.</summary>
    public required byte[] Train { get; init; }

    /// <summary>What <see cref="SplitWriter.Save"/> wrote of the validation split.</summary>
    public required byte[] Validation { get; init; }

    /// <summary>Replaces the state in a build's folder.</summary>
    public void Write(string folder)
    {
        using MemoryStream content = new();
        using (BinaryWriter writer = new(content, System.Text.Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(Magic);
            writer.Write(Version);
            foreach (string text in (ReadOnlySpan<string>)[Identity.Corpus, Identity.Tokenizer, Identity.Options, Recipe])
                writer.Write(text);
            writer.Write(Documents);
            writer.Write((ulong)(DocumentsHash >> 64));
            writer.Write((ulong)DocumentsHash);
            foreach (byte[] split in (ReadOnlySpan<byte[]>)[Train, Validation])
                SavedBytes.Write(writer, split);
        }
        ReadOnlySpan<byte> bytes = content.GetBuffer().AsSpan(0, (int)content.Length);
        content.Write(XxHash128.Hash(bytes));
        AtomicFile.Write(Path.Combine(folder, FileName), stream => content.WriteTo(stream));
    }

    /// <summary>Reads the state in a build's folder.</summary>
    /// <returns>The state, or null if there is none or it is damaged.</returns>
    public static BuildState? Read(string folder)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(Path.Combine(folder, FileName));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        if (bytes.Length < Magic.Length + ChecksumBytes
            || !bytes.AsSpan().StartsWith(Magic)
            || !XxHash128.Hash(bytes.AsSpan(..^ChecksumBytes)).AsSpan().SequenceEqual(bytes.AsSpan(^ChecksumBytes..)))
            return null;
        using BinaryReader reader = new(new MemoryStream(bytes, 0, bytes.Length - ChecksumBytes));
        reader.BaseStream.Position = Magic.Length;
        try
        {
            return reader.ReadInt32() == Version ? Parse(reader) : null;
        }
        catch (Exception e) when (SavedBytes.IsDamage(e))
        {
            return null; // Its checksum fits: it was made by hand.
        }
    }

    /// <summary>Removes the state of a build that is finished.</summary>
    public static void Remove(string folder) => File.Delete(Path.Combine(folder, FileName));

    private static BuildState Parse(BinaryReader reader) => new()
    {
        Identity = new BuildIdentity(reader.ReadString(), reader.ReadString(), reader.ReadString()),
        Recipe = reader.ReadString(),
        Documents = reader.ReadInt64(),
        DocumentsHash = new UInt128(reader.ReadUInt64(), reader.ReadUInt64()),
        Train = SavedBytes.Read(reader),
        Validation = SavedBytes.Read(reader),
    };
}
