using System.Buffers;
using System.IO.Hashing;

namespace Mazij.Formats.Safetensors;

/// <summary>Fills a part of a tensor's bytes, little-endian.</summary>
/// <param name="tensor">The tensor.</param>
/// <param name="offset">First byte wanted; a multiple of the element's size.</param>
/// <param name="destination">To be filled whole; its length is a multiple of the element's size.</param>
internal delegate void TensorFill(TensorSpec tensor, long offset, Span<byte> destination);

/// <summary>
/// Writes safetensors files piece by piece, so that a model needs no more memory than one piece. The same tensors give
/// the same bytes.
/// </summary>
internal static class SafetensorsWriter
{
    // Large enough for full disk speed, small enough to stay in the cache between filling and writing.
    private const int ChunkBytes = 1 << 20;

    /// <summary>What Hugging Face's loaders expect to find.</summary>
    public static IReadOnlyDictionary<string, string> DefaultMetadata { get; } =
        new Dictionary<string, string> { ["format"] = "pt" };

    /// <summary>
    /// Writes one file, whole or not at all. Tensors of wider elements come first, so that every tensor is aligned to
    /// its elements; apart from that they keep their order. Each is asked for from its first byte to its last.
    /// </summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="tensors">The tensors; names are distinct.</param>
    /// <param name="fill">Gives their bytes.</param>
    /// <param name="metadata">Texts to store; null stores <see cref="DefaultMetadata"/>.</param>
    /// <param name="hash">Is given every byte of the file in order; null if nobody wants a checksum.</param>
    /// <returns>The file's length in bytes.</returns>
    /// <exception cref="ArgumentException">Two tensors of one name, or a name that is reserved.</exception>
    public static long Write(
        string path,
        IEnumerable<TensorSpec> tensors,
        TensorFill fill,
        IReadOnlyDictionary<string, string>? metadata = null,
        XxHash128? hash = null)
    {
        long bytes = 0;
        List<TensorSpec> ordered = [.. tensors.OrderByDescending(tensor => tensor.Type.Size())];
        CheckNames(ordered);
        byte[] header = SafetensorsHeader.Build(ordered, metadata ?? DefaultMetadata);
        AtomicFile.Write(path, stream =>
        {
            WriteBehind behind = new(stream);
            stream.Write(header);
            hash?.Append(header);
            byte[] chunk = ArrayPool<byte>.Shared.Rent(ChunkBytes);
            try
            {
                foreach (TensorSpec tensor in ordered)
                {
                    long length = tensor.ByteLength;
                    for (long offset = 0; offset < length; offset += ChunkBytes)
                    {
                        Span<byte> piece = chunk.AsSpan(0, (int)Math.Min(ChunkBytes, length - offset));
                        fill(tensor, offset, piece);
                        FailPoint.Reach("write a piece");
                        stream.Write(piece);
                        hash?.Append(piece);
                        behind.Advance();
                    }
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(chunk);
            }
            bytes = stream.Position;
        });
        return bytes;
    }

    /// <summary>Refuses names that a header cannot hold.</summary>
    internal static void CheckNames(IEnumerable<TensorSpec> tensors)
    {
        HashSet<string> names = [SafetensorsHeader.MetadataKey];
        foreach (TensorSpec tensor in tensors)
        {
            if (!names.Add(tensor.Name))
                throw new ArgumentException($"The name {tensor.Name} is given twice or reserved.", nameof(tensors));
        }
    }
}
