namespace Mazij.Planning.Simulation;

/// <summary>Seeded random numbers that are the same on every platform: splitmix64.</summary>
internal sealed class ExponentialDraws(ulong seed)
{
    private ulong state = seed;

    /// <summary>A number in [0, 1).</summary>
    public double Uniform()
    {
        state += 0x9E3779B97F4A7C15;
        ulong mixed = state;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return ((mixed ^ (mixed >> 31)) >> 11) * (1.0 / (1UL << 53));
    }

    /// <summary>A number of the exponential distribution with mean 1.</summary>
    public double Exponential() => -Math.Log(1 - Uniform());
}
