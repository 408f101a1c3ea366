using System.Collections.Concurrent;
using TorchSharp;

namespace Mazij.Kernels;

/// <summary>
/// Scalars for libtorch operators, made once for each value. A C# number passed where an operator takes a Scalar makes a
/// native object that only a finalizer frees, and thousands of those between large blocks fragment the heap.
/// </summary>
internal static class Scalars
{
    private static readonly ConcurrentDictionary<double, Scalar> cache = new();

    /// <summary>The scalar 1.</summary>
    public static readonly Scalar One = Of(1.0);

    /// <summary>The scalar for <paramref name="value"/>; for values from configuration, not for values that change every step.</summary>
    public static Scalar Of(double value) => cache.GetOrAdd(value, static v => v.ToScalar());
}
