namespace Mazij.Data;

/// <summary>Consecutive tokens of a split.</summary>
/// <param name="First">Position of the first.</param>
/// <param name="End">Position behind the last.</param>
internal readonly record struct TokenRange(long First, long End);
