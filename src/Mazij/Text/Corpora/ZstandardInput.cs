using ZstdSharp;

namespace Mazij.Text.Corpora;

/// <summary>
/// Decompresses Zstandard of any number of frames. A frame may ask for a window of up to 128 MiB of memory, what zstd
/// itself accepts without being told otherwise.
/// </summary>
internal sealed class ZstandardInput : ReadOnlyStream
{
    private readonly StartChecked source;
    private readonly DecompressionStream zstandard;

    public ZstandardInput(Stream compressed)
    {
        source = new StartChecked(compressed);
        zstandard = new DecompressionStream(source, checkEndOfStream: true, leaveOpen: false);
    }

    /// <exception cref="InvalidDataException">The data is not Zstandard, damaged, or asks for too much memory.</exception>
    /// <exception cref="EndOfStreamException">The data is cut short.</exception>
    public override int Read(Span<byte> buffer)
    {
        try
        {
            return zstandard.Read(buffer);
        }
        catch (ZstdException e)
        {
            throw new InvalidDataException(Describe(e.Code), e);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) zstandard.Dispose();
        base.Dispose(disposing);
    }

    private static string Describe(ZstdSharp.Unsafe.ZSTD_ErrorCode code) => code switch
    {
        ZstdSharp.Unsafe.ZSTD_ErrorCode.ZSTD_error_frameParameter_windowTooLarge =>
            "it asks for a window of more than 128 MiB; decompress it, e.g. with zstd -d --long=31",
        ZstdSharp.Unsafe.ZSTD_ErrorCode.ZSTD_error_dictionary_wrong =>
            "it was compressed with a dictionary; decompress it with zstd -d -D",
        ZstdSharp.Unsafe.ZSTD_ErrorCode.ZSTD_error_prefix_unknown =>
            "something that is not Zstandard follows its last frame",
        _ => "its Zstandard data or a checksum is wrong",
    };

    /// <summary>A file that must begin with a frame.</summary>
    private sealed class StartChecked(Stream file) : ReadOnlyStream
    {
        private bool started;

        public override int Read(Span<byte> buffer)
        {
            if (started) return file.Read(buffer);
            started = true;
            int read = file.ReadAtLeast(buffer, 4, throwOnEndOfStream: false);
            ReadOnlySpan<byte> start = buffer[..read];
            bool frame = start.StartsWith<byte>([0x28, 0xB5, 0x2F, 0xFD]);
            bool skippable = read >= 4 && (start[0] & 0xF0) == 0x50 && start[1..].StartsWith<byte>([0x2A, 0x4D, 0x18]);
            return frame || skippable
                ? read
                : throw new InvalidDataException(read == 0 ? "it is empty" : "it does not begin as Zstandard does");
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) file.Dispose();
            base.Dispose(disposing);
        }
    }
}
