using Microsoft.Win32.SafeHandles;

namespace Mazij.Text.Corpora;

/// <summary>
/// Keeps a stream that can be read only once in a temporary file, so that it can be read again. The file takes as much
/// room as the stream has bytes, and is gone when it is closed or the process ends in whatever way.
/// </summary>
internal sealed class InputSpool : IDisposable
{
    private const int BlockBytes = 1 << 20;
    private readonly SafeFileHandle file;

    private InputSpool(SafeFileHandle file) => this.file = file;

    /// <summary>Reads a stream to its end.</summary>
    /// <param name="input">The stream.</param>
    /// <param name="path">The temporary file's name, which nothing else may have.</param>
    /// <param name="progress">Called with the number of bytes read so far.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="InputException">The file cannot be written, or the stream not be read.</exception>
    public static InputSpool Fill(Stream input, string path, Action<long> progress, CancellationToken cancellation)
    {
        SafeFileHandle? file = null;
        try
        {
            file = File.OpenHandle(
                path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, FileOptions.DeleteOnClose);
            // Without a name it cannot outlive this process. Windows sees to that by itself.
            if (!OperatingSystem.IsWindows()) File.Delete(path);
            byte[] block = new byte[BlockBytes];
            long length = 0;
            for (int read; (read = input.Read(block)) > 0; progress(length))
            {
                cancellation.ThrowIfCancellationRequested();
                RandomAccess.Write(file, block.AsSpan(0, read), length);
                length += read;
            }
            if (PipeEnd.WasInterrupted(cancellation)) throw new OperationCanceledException(cancellation);
            return new InputSpool(file);
        }
        catch (Exception e)
        {
            file?.Dispose();
            if (e is IOException or UnauthorizedAccessException)
                throw new InputException($"Cannot keep standard input in '{path}' to read it twice: {e.Message}", e);
            throw;
        }
    }

    /// <summary>Reads what was kept from the start.</summary>
    public Stream Open() => new Reader(file);

    public void Dispose() => file.Dispose();

    private sealed class Reader(SafeFileHandle file) : ReadOnlyStream
    {
        private long position;

        public override int Read(Span<byte> buffer)
        {
            int read = RandomAccess.Read(file, buffer, position);
            position += read;
            return read;
        }
    }
}
