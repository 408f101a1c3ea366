using Mazij.Devices.Catalogue;

namespace Mazij.Planning;

/// <summary>A figure of the Ling report's comparison of devices (arXiv 2503.05139, section 1.3 and table 1), computed again from peak,
/// price and MFU of the device.</summary>
/// <param name="What">What the figure is.</param>
/// <param name="Reported">As it is in the report, or follows from it.</param>
/// <param name="Computed">As the planner computes it.</param>
/// <param name="Unit">RMB, or % MFU.</param>
internal sealed record ReportedCost(string What, double Reported, double Computed, string Unit)
{
    private const double Tokens = 1e12, ActiveParameters = 28.8e9, OnPremium = 6.35e6, OnOthers = 5.08e6;

    /// <summary>Computed over reported, less one.</summary>
    public double Error => Computed / Reported - 1;

    /// <summary>The cost of 1 T tokens on device D at the MFU that its cost implies, on A, B and C at those of a saving of 20 %, each
    /// rounded to whole percent; and the MFU at which A costs as much as D.</summary>
    public static IEnumerable<ReportedCost> Rows(DeviceCatalogue catalogue)
    {
        // Six for each active parameter and token: the report's figures imply no more than that.
        MfuEstimate At(string device, double mfu) => MfuEstimate.Of(catalogue.Find(device), 6 * ActiveParameters * Tokens, mfu);
        MfuEstimate premium = At("ling-d", 0.21);
        yield return new ReportedCost("device D at 21 % MFU", OnPremium, premium.Cost!.Value, "RMB");
        foreach ((string device, double mfu) in new[] { ("ling-a", 0.18), ("ling-b", 0.35), ("ling-c", 0.30) })
            yield return new ReportedCost($"device {device[^1..].ToUpperInvariant()} at {100 * mfu:F0} % MFU", OnOthers, At(device, mfu).Cost!.Value, "RMB");
        yield return new ReportedCost("device A breaks even with D", 14.3, 100 * At("ling-a", 0.18).BreakEvenMfu(premium.Cost!.Value), "% MFU");
    }
}
