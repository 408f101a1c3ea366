namespace Mazij.Text.Corpora;

/// <summary>The end of standard input, which looks the same whether the program that fills it is done or was stopped.</summary>
internal static class PipeEnd
{
    // Ctrl-C goes to all programs of a pipe at once; the other's end may be seen before our own signal is handled.
    private static readonly TimeSpan grace = TimeSpan.FromMilliseconds(200);

    /// <summary>Whether the interruption that ended the text before us is for us too, so that the text may be cut
    /// short.</summary>
    public static bool WasInterrupted(CancellationToken cancellation) => cancellation.WaitHandle.WaitOne(grace);
}
