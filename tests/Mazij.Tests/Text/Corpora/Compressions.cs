using System.IO.Compression;
using Mazij.Text.Corpora;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Mazij.Tests.Text.Corpora;

/// <summary>Compresses bytes as other programs do.</summary>
internal static class Compressions
{
    public static string Ending(FileCompression compression) => compression switch
    {
        FileCompression.Gzip => ".gz",
        FileCompression.Zstandard => ".zst",
        _ => "",
    };

    public static byte[] Compress(FileCompression compression, ReadOnlySpan<byte> text) => compression switch
    {
        FileCompression.Gzip => Gzip(text),
        FileCompression.Zstandard => Zstandard(text),
        _ => text.ToArray(),
    };

    public static byte[] Gzip(ReadOnlySpan<byte> text)
    {
        using MemoryStream compressed = new();
        using (GZipStream gzip = new(compressed, CompressionLevel.Fastest)) gzip.Write(text);
        // The stream writes nothing for nothing; gzip(1) writes a whole member.
        return text.IsEmpty ? [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0] : compressed.ToArray();
    }

    /// <param name="text">What is compressed.</param>
    /// <param name="windowLog">Logarithm of the window's size; null for what suits the text.</param>
    public static byte[] Zstandard(ReadOnlySpan<byte> text, int? windowLog = null)
    {
        using MemoryStream compressed = new();
        using (CompressionStream zstandard = new(compressed, level: 1))
        {
            zstandard.SetParameter(ZSTD_cParameter.ZSTD_c_checksumFlag, 1);
            if (windowLog is int log) zstandard.SetParameter(ZSTD_cParameter.ZSTD_c_windowLog, log);
            zstandard.Write(text);
        }
        return compressed.ToArray();
    }
}
