namespace Mazij.Data;

/// <summary>A data set as a source of samples.</summary>
/// <param name="Name">The source's name in the run file; empty if it is the only one.</param>
/// <param name="Identity">A hash of the data.</param>
/// <param name="Dataset">The data.</param>
internal sealed record SourceData(string Name, string Identity, TokenDataset Dataset)
{
    /// <summary>Where the data is; empty if it is not on disk by itself.</summary>
    public string Folder { get; init; } = "";
}
