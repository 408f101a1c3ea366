using System.Buffers;

namespace Mazij.Text.Corpora;

/// <summary>
/// Plain text: one document, or several if it is longer than <see cref="CorpusOptions.MaximumDocumentBytes"/>.
/// At most that much of it, and one block, is in memory.
/// </summary>
internal sealed class TextFileSource(SourceFile file) : IDocumentSource
{
    private const int BlockBytes = 64 << 10;

    public IReadOnlyList<string> Paths => file.Paths;

    public IEnumerable<Document> Read(CorpusOptions options, CorpusTally tally)
    {
        using SourceReader reader = file.Open(tally);
        int limit = options.MaximumDocumentBytes;
        byte[] block = ArrayPool<byte>.Shared.Rent(BlockBytes);
        byte[] text = ArrayPool<byte>.Shared.Rent(limit + BlockBytes);
        try
        {
            long offset = 0; // of block[0] in the file
            int unfinished = 0, length = 0;
            long index = 0;
            bool afterReturn = false;
            while (true)
            {
                int read = reader.Read(block.AsSpan(unfinished, BlockBytes - unfinished));
                int available = unfinished + read;
                unfinished = read == 0 ? 0 : Utf8Text.UnfinishedTail(block.AsSpan(0, available));
                int whole = available - unfinished;
                length += Append(block.AsSpan(0, whole), offset, text.AsSpan(length), ref afterReturn);
                block.AsSpan(whole, unfinished).CopyTo(block);
                offset += whole;
                int start = 0;
                while (length - start > limit)
                {
                    int cut = start + TextCut.Find(text.AsSpan(start, limit));
                    yield return Document.Create(file.Name, index++, text.AsSpan(start, cut - start).ToArray());
                    start = cut;
                }
                text.AsSpan(start, length - start).CopyTo(text);
                length -= start;
                if (read == 0) break;
            }
            if (length > 0) yield return Document.Create(file.Name, index, text.AsSpan(0, length).ToArray());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
            ArrayPool<byte>.Shared.Return(text);
        }
    }

    private string Decompressed => file.Compression == FileCompression.None ? "" : " of the decompressed text";

    private int Append(ReadOnlySpan<byte> block, long offset, Span<byte> text, ref bool afterReturn)
    {
        int invalid = Utf8Text.FirstInvalid(block);
        if (invalid >= 0)
            throw new InputException(
                $"{file.Title} is not UTF-8: bad byte at offset {offset + invalid}{Decompressed}. Convert it, e.g. with iconv.");
        if (offset == 0 && block.StartsWith(Utf8Text.ByteOrderMark)) block = block[Utf8Text.ByteOrderMark.Length..];
        return Utf8Text.NormaliseLines(block, text, ref afterReturn);
    }
}
