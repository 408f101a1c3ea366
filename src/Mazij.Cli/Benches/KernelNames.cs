using Mazij.Kernels;

namespace Mazij.Cli.Benches;

/// <summary>Kernels as they are called in reports.</summary>
internal static class KernelNames
{
    /// <summary>The name of a kernel.</summary>
    public static string Of(KernelName kernel) => kernel.ToString().ToLowerInvariant();
}
