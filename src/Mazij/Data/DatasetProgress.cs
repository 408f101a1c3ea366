namespace Mazij.Data;

/// <summary>How far the building of a data set is.</summary>
/// <param name="Documents">Documents written.</param>
/// <param name="Bytes">Bytes of their text.</param>
/// <param name="Tokens">Their tokens.</param>
/// <param name="Elapsed">Time since the start.</param>
public readonly record struct DatasetProgress(long Documents, long Bytes, long Tokens, TimeSpan Elapsed)
{
    /// <summary>Text done per second since the start, in units of 10^6 bytes.</summary>
    public double MegabytesPerSecond => Bytes / 1e6 / Math.Max(1e-9, Elapsed.TotalSeconds);
}
