namespace Mazij.Tests.Training;

/// <summary>
/// Tests that run alone: they watch the whole process's memory, or compare bits, which must not depend on what else the
/// process computes (another test changes the number of libtorch's threads).
/// </summary>
[CollectionDefinition(nameof(QuietTests), DisableParallelization = true)]
public sealed class QuietTests;
