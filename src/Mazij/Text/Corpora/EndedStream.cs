namespace Mazij.Text.Corpora;

/// <summary>
/// A file whose end is an error to whoever reads on: for decoders that take "no byte" for a byte, and then never end.
/// </summary>
internal sealed class EndedStream(Stream file) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => file.Length;

    public override long Position { get => file.Position; set => file.Position = value; }

    /// <exception cref="EndOfStreamException">There is nothing left.</exception>
    public override int Read(Span<byte> buffer)
    {
        int read = file.Read(buffer);
        return read > 0 || buffer.IsEmpty ? read : throw new EndOfStreamException("it goes on behind the end of the file");
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    // The file is a local one, and whoever asks waits.
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(buffer.Span));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        Task.FromResult(Read(buffer, offset, count));

    public override long Seek(long offset, SeekOrigin origin) => file.Seek(offset, origin);

    public override void Flush() { }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
