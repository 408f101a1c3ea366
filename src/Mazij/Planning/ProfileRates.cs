using Mazij.Devices.Profiles;
using Mazij.Kernels;

namespace Mazij.Planning;

/// <summary>How long kernels take by what a profile measured; a kernel that it does not have, by its products and its memory.</summary>
internal sealed class ProfileRates : IKernelRates
{
    /// <summary>No kernel is predicted to be faster than this many times what the plain product reached.</summary>
    private const double Fastest = 1.3;

    private readonly Dictionary<(KernelName Kernel, bool Backward), KernelLaw> laws = [];
    private readonly double peak, bandwidth, largestPermutation;

    /// <summary>Fits the laws.</summary>
    /// <param name="profile">The profile.</param>
    /// <param name="dtype">The compute dtype, in which it has kernels.</param>
    public ProfileRates(DeviceProfile profile, ProfileDtype dtype)
    {
        peak = profile.PeakGemm(dtype) ?? throw new ArgumentException("The profile has no products in this format.", nameof(dtype));
        bandwidth = profile.PeakBandwidth;
        largestPermutation = profile.Kernels.Where(sample => sample.Kernel == KernelName.Permutation)
            .SelectMany(sample => sample.Calls).Select(call => call.Bytes).DefaultIfEmpty().Max();
        foreach (IGrouping<(KernelName, bool), KernelSample> kernel in profile.Kernels
            .Where(sample => sample.Dtype == dtype).GroupBy(sample => (sample.Kernel, sample.Backward)))
        {
            laws.Add(kernel.Key, new KernelLaw([.. kernel.Select(sample => (CallsOf(sample), sample.Seconds))]));
        }
    }

    /// <inheritdoc/>
    public double Seconds(in KernelCall call)
    {
        if (call.Flops <= 0 && call.Bytes <= 0)
            return 0;
        // Here a permutation is an order of rows, which the experts then fetch themselves; where devices exchange rows it moves them, as
        // a norm does.
        KernelName kernel = call.Kernel == KernelName.Permutation && call.Bytes > largestPermutation ? KernelName.Norm : call.Kernel;
        KernelLaw? law = laws.GetValueOrDefault((kernel, call.Backward)) ?? laws.GetValueOrDefault((kernel, !call.Backward));
        return law is null
            ? Math.Max(call.Flops / peak, call.Bytes / bandwidth)
            : Math.Max(law.Seconds(call), call.Flops / (Fastest * peak));
    }

    private static IReadOnlyList<(KernelCall, double)> CallsOf(KernelSample sample) =>
        [.. sample.Calls.Select(call => (call.Of(sample.Kernel, sample.Backward), call.Count))];
}
