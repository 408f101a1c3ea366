using System.IO.Compression;

namespace Mazij.Data;

/// <summary>
/// Measures what gzip at its best level (-9) makes of a text, without keeping it: the baseline that a language model's
/// bits per byte must beat. The window of gzip is 32 KiB, its header and checksum of 18 bytes count.
/// </summary>
public sealed class GzipMeter : IDisposable
{
    private readonly CountingStream sink = new();
    private readonly GZipStream gzip;
    private readonly long limit;
    private long textBytes;

    /// <summary>Begins a measurement.</summary>
    /// <param name="limit">Text after so many bytes is left out.</param>
    public GzipMeter(long limit = long.MaxValue)
    {
        this.limit = limit;
        gzip = new GZipStream(sink, CompressionLevel.SmallestSize);
    }

    /// <summary>Appends text to what is compressed.</summary>
    public void Append(ReadOnlySpan<byte> text)
    {
        text = text[..(int)Math.Min(text.Length, limit - textBytes)];
        gzip.Write(text);
        textBytes += text.Length;
    }

    /// <summary>Ends the measurement.</summary>
    public GzipBaseline Finish()
    {
        gzip.Dispose();
        return textBytes == 0 ? new(0, 0) : new(textBytes, sink.Written);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        gzip.Dispose();
        sink.Dispose();
    }

    private sealed class CountingStream : Stream
    {
        public long Written { get; private set; }

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => Written;

        public override long Position { get => Written; set => throw new NotSupportedException(); }

        public override void Flush() { }

        public override void Write(byte[] buffer, int offset, int count) => Written += count;

        public override void Write(ReadOnlySpan<byte> buffer) => Written += buffer.Length;

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
