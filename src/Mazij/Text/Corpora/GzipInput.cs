using System.IO.Compression;

namespace Mazij.Text.Corpora;

/// <summary>
/// Decompresses gzip of any number of members. <see cref="GZipStream"/> takes a file cut short for a whole one, and
/// leaves out what follows the last member; so a member of our own is put behind the file: only if its text comes out at
/// the end, whole, did everything before it end where it should.
/// </summary>
internal sealed class GzipInput : ReadOnlyStream
{
    private readonly MarkedSource source;
    private readonly GZipStream gzip;
    private ReadOnlyMemory<byte>? rest;

    public GzipInput(Stream compressed)
    {
        source = new MarkedSource(compressed);
        gzip = new GZipStream(source, CompressionMode.Decompress);
    }

    /// <exception cref="InvalidDataException">The data is not gzip, or damaged.</exception>
    /// <exception cref="EndOfStreamException">The data is cut short.</exception>
    public override int Read(Span<byte> buffer)
    {
        if (buffer.IsEmpty) return 0;
        if (rest is null)
        {
            int read = source.MarkTaken ? 0 : Decompress(buffer);
            if (!source.MarkTaken)
                return read > 0 ? read : throw new InvalidDataException("something that is not gzip follows its last member");
            rest = WithoutMark(buffer[..read]);
        }
        int count = Math.Min(buffer.Length, rest.Value.Length);
        rest.Value.Span[..count].CopyTo(buffer);
        rest = rest.Value[count..];
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) gzip.Dispose();
        base.Dispose(disposing);
    }

    private int Decompress(Span<byte> buffer)
    {
        try
        {
            return gzip.Read(buffer);
        }
        catch (InvalidDataException) when (source.MarkTaken)
        {
            throw new EndOfStreamException();
        }
        catch (InvalidDataException e) when (source.Taken > 0)
        {
            throw new InvalidDataException("its gzip data or a checksum is wrong", e);
        }
    }

    /// <summary>What is left of the file's text when the mark has been handed to the decompressor.</summary>
    private ReadOnlyMemory<byte> WithoutMark(ReadOnlySpan<byte> begun)
    {
        ReadOnlySpan<byte> mark = EndMark.Text;
        // Were the file cut short, the mark's bytes would be taken for its data, and give little.
        byte[] tail = new byte[begun.Length + (64 << 10)];
        begun.CopyTo(tail);
        int length = begun.Length, read;
        while (length < tail.Length && (read = Decompress(tail.AsSpan(length))) > 0) length += read;
        return tail.AsSpan(0, length).EndsWith(mark)
            ? tail.AsMemory(0, length - mark.Length)
            : throw new EndOfStreamException();
    }

    /// <summary>A file and the mark behind it.</summary>
    private sealed class MarkedSource(Stream file) : ReadOnlyStream
    {
        private int markRead;

        /// <summary>Bytes of the file handed out.</summary>
        public long Taken { get; private set; }

        /// <summary>Whether the file is at its end, and the mark has been asked for.</summary>
        public bool MarkTaken { get; private set; }

        public override int Read(Span<byte> buffer)
        {
            if (!MarkTaken)
            {
                int read = Taken == 0 ? ReadStart(buffer) : file.Read(buffer);
                Taken += read;
                if (read > 0) return read;
                MarkTaken = true;
            }
            ReadOnlySpan<byte> left = EndMark.Member.AsSpan(markRead);
            left = left[..Math.Min(left.Length, buffer.Length)];
            left.CopyTo(buffer);
            markRead += left.Length;
            return left.Length;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) file.Dispose();
            base.Dispose(disposing);
        }

        private int ReadStart(Span<byte> buffer)
        {
            int read = file.ReadAtLeast(buffer, 2, throwOnEndOfStream: false);
            return buffer[..read].StartsWith<byte>([0x1F, 0x8B])
                ? read
                : throw new InvalidDataException(read == 0 ? "it is empty" : "it does not begin as gzip does");
        }
    }

    /// <summary>A gzip member whose text repeats, so that its compressed form nowhere contains it.</summary>
    private static class EndMark
    {
        public static readonly byte[] Text = [.. "end of input 7f3a "u8, .. "end of input 7f3a "u8, .. "end of input 7f3a "u8];
        public static readonly byte[] Member = Compress(Text);

        private static byte[] Compress(byte[] text)
        {
            using MemoryStream member = new();
            using (GZipStream gzip = new(member, CompressionLevel.Optimal)) gzip.Write(text);
            return member.ToArray();
        }
    }
}
