using System.Globalization;
using Mazij.Devices.Catalogue;
using Mazij.Devices.Profiles;
using Mazij.Planning;

namespace Mazij.Cli.Plans;

/// <summary>Devices as they are written on a command line: NAME, NAME:COUNT, a profile, or a catalogue file.</summary>
internal static class DeviceOfferText
{
    /// <summary>The built-in catalogue with the files among the entries on top.</summary>
    public static DeviceCatalogue ReadCatalogue(IReadOnlyList<string> entries)
    {
        string[] files = [.. entries.Where(IsFile)];
        return files.Length > 1
            ? throw new InputException($"--devices names the files {string.Join(" and ", files)}; put all devices into one")
            : DeviceCatalogue.Read(files.FirstOrDefault());
    }

    /// <summary>The devices that may be used.</summary>
    /// <param name="entries">What was written.</param>
    /// <param name="catalogue">The devices that are known.</param>
    /// <param name="money">The plan's currency.</param>
    /// <param name="defaultCount">How many there are where nothing is said.</param>
    /// <param name="isDefault">Whether all known devices are meant if none is named.</param>
    /// <exception cref="InputException">A device is not known, a figure of it is not known, or a count is none.</exception>
    public static List<DeviceOffer> Read(IReadOnlyList<string> entries, DeviceCatalogue catalogue, PlanMoney money, int defaultCount, bool isDefault)
    {
        string[] named = [.. entries.Where(entry => !IsFile(entry))];
        if (named.Length == 0)
            return isDefault ? Complete(catalogue, money, defaultCount) : [];
        List<DeviceOffer> offers = [];
        foreach (string entry in named)
        {
            int colon = entry.LastIndexOf(':');
            int count = defaultCount;
            if (colon >= 0 && (!int.TryParse(entry.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out count) || count is < 1 or > 1 << 24))
                throw new InputException($"--devices {MessageText.Quote(entry)}: after the colon comes a number of devices, 1 to {1 << 24}");
            string name = NameOf(entry);
            PlannedDevice device = name.EndsWith(".json", StringComparison.OrdinalIgnoreCase)
                ? PlannedDevices.Of(ProfileFile.Read(name), Path.GetFileNameWithoutExtension(name), colon < 0 ? count = 1 : count)
                : PlannedDevices.Of(catalogue.Find(name), count);
            offers.Add(new DeviceOffer(money.Convert(device), count));
        }
        return offers.GroupBy(offer => offer.Device.Name).FirstOrDefault(group => group.Count() > 1) is { } twice
            ? throw new InputException($"--devices names {twice.Key} twice; give it once, with its whole number")
            : offers;
    }

    /// <summary>The currency of the first device that has a price; USD if none has.</summary>
    public static string FirstCurrency(IReadOnlyList<string> entries, DeviceCatalogue catalogue, IEnumerable<DeviceSpec> others) => entries
        .Where(entry => !IsFile(entry)).Select(entry => catalogue.TryFind(NameOf(entry))).Concat(others)
        .Select(spec => spec?.Price is { PerHour: not null } price ? price.Currency : null).FirstOrDefault(known => known is not null) ?? "USD";

    /// <summary>Reads <c>--mfu NAME=SHARE</c>.</summary>
    public static (DeviceSpec Spec, double Mfu) ReadMfu(string entry, DeviceCatalogue catalogue)
    {
        int equals = entry.LastIndexOf('=');
        double mfu = equals < 1 ? 0 : PlanQuantity.Positive(entry[(equals + 1)..], "--mfu");
        return mfu is > 0 and <= 1
            ? (catalogue.Find(entry[..equals]), mfu)
            : throw new InputException($"--mfu {MessageText.Quote(entry)}: expected NAME=SHARE with a share above 0 and at most 1, as ling-a=0.18");
    }

    private static string NameOf(string entry) => entry.LastIndexOf(':') is >= 0 and int colon ? entry[..colon] : entry;

    private static bool IsFile(string entry) =>
        entry.EndsWith(".yaml", StringComparison.OrdinalIgnoreCase) || entry.EndsWith(".yml", StringComparison.OrdinalIgnoreCase);

    private static List<DeviceOffer> Complete(DeviceCatalogue catalogue, PlanMoney money, int count)
    {
        List<DeviceOffer> offers = [];
        foreach (DeviceSpec spec in catalogue.Devices.Where(spec => spec.Price?.PerHour is not null
            && (spec.Price.Currency == money.Currency || money.Rates.ContainsKey(spec.Price.Currency))))
        {
            try
            {
                offers.Add(new DeviceOffer(money.Convert(PlannedDevices.Of(spec, count)), count));
            }
            catch (InputException)
            {
                // Whoever names it is told which figure is missing; among all devices it is left out.
            }
        }
        return offers.Count > 0 ? offers : throw new InputException($"no device of the catalogue has a price in {money.Currency} and every figure; name devices with --devices, or rates with --exchange");
    }
}
