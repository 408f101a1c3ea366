namespace Mazij.Text.Corpora;

/// <summary>Counts the bytes read from a file, so that progress can be told from what is left of it.</summary>
internal sealed class MeteredStream(Stream inner, CorpusTally tally) : ReadOnlyStream
{
    public override int Read(Span<byte> buffer)
    {
        int read = inner.Read(buffer);
        tally.InputBytes += read;
        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }
}
