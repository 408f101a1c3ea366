namespace Mazij.Tests.Hostile.Mutations;

/// <summary>What became of a file.</summary>
/// <param name="Bytes">Its bytes now.</param>
/// <param name="What">What was done to it, for people.</param>
internal readonly record struct Mutated(byte[] Bytes, string What);

/// <summary>Changes a file; null if there is nothing of the kind in it.</summary>
internal delegate Mutated? Mutation(Dice dice, byte[] bytes);
