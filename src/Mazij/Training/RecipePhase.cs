namespace Mazij.Training;

/// <summary>What a recipe that changes over the run asks of a step.</summary>
/// <param name="Mixture">The share of each source in force, in the order of the run file; empty with one source.</param>
/// <param name="FullSequences">Sequences of a step once the batch has grown to its full size.</param>
/// <param name="IsLong">Whether the long-context phase has begun.</param>
internal sealed record RecipePhase(IReadOnlyList<SourceShare> Mixture, int FullSequences, bool IsLong);

/// <summary>The share that a source has of the samples.</summary>
/// <param name="Source">The source's name.</param>
/// <param name="Share">Its share, 0 to 1.</param>
internal readonly record struct SourceShare(string Source, double Share);

/// <summary>Tokens that were drawn from a source.</summary>
/// <param name="Source">The source's name.</param>
/// <param name="Tokens">Tokens predicted.</param>
internal readonly record struct SourceTokens(string Source, long Tokens);
