namespace Mazij.Benchmarks;

/// <summary>What a training benchmark measures, and how often.</summary>
/// <param name="Parts">What to measure beside our step.</param>
/// <param name="Rounds">Rounds of each comparison.</param>
/// <param name="GrowthSteps">Steps over which memory is watched.</param>
internal sealed record TrainingBenchmarkOptions(BenchmarkParts Parts, int Rounds, int GrowthSteps);
