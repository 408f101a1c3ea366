using Mazij.Configuration;

namespace Mazij.Devices.Catalogue;

/// <summary>Kinds of devices by name: what Mazij brings along, and what a user's file adds to that or says otherwise.</summary>
internal sealed class DeviceCatalogue
{
    private const string BuiltInFile = "devices/catalogue.yaml", IdKey = "id", FromKey = "from", PriceKey = "price", PerHourKey = "per_hour";
    private const int MostSuggestions = 4;

    private static readonly Lazy<DeviceCatalogue> builtIn = new(
        () => new DeviceCatalogue([], []).With(new YamlSource(BuiltInFile, EmbeddedText.Read(BuiltInFile)), ownSource: null));

    private readonly Dictionary<string, DeviceSpec> byName = [];
    private readonly Dictionary<string, CatalogueSource> sources;

    private DeviceCatalogue(IReadOnlyList<DeviceSpec> devices, Dictionary<string, CatalogueSource> sources)
    {
        Devices = devices;
        this.sources = sources;
        foreach (DeviceSpec device in devices)
        {
            foreach (string name in NamesOf(device))
                byName[Fold(name)] = device;
        }
    }

    /// <summary>The devices that Mazij knows.</summary>
    public static DeviceCatalogue BuiltIn => builtIn.Value;

    /// <summary>The devices, in the order of their files.</summary>
    public IReadOnlyList<DeviceSpec> Devices { get; }

    /// <summary>All sources.</summary>
    public IEnumerable<CatalogueSource> Sources => sources.Values;

    /// <summary>The built-in devices and those of a file, which may also override what is known of built-in ones.</summary>
    /// <param name="file">A catalogue file; null for the built-in devices alone.</param>
    /// <exception cref="InputException">The file is wrong: names line and key.</exception>
    public static DeviceCatalogue Read(string? file) => file is null
        ? BuiltIn
        : BuiltIn.With(YamlSource.FromFile(file), new CatalogueSource { Id = file, Title = $"the file {file}" });

    /// <summary>These devices and those of another file.</summary>
    /// <param name="source">The file.</param>
    /// <param name="ownSource">The source of its figures that name none; null leaves them without.</param>
    internal DeviceCatalogue With(YamlSource source, CatalogueSource? ownSource)
    {
        CatalogueFile file = YamlBinder.Bind<CatalogueFile>(source);
        Dictionary<string, CatalogueSource> known = new(sources);
        foreach (CatalogueSource added in ownSource is null ? file.Sources : file.Sources.Append(ownSource))
        {
            if (!known.TryAdd(added.Id, added))
                throw YamlLocation.Of(source.Name).Error($"sources: {MessageText.Quote(added.Id)} is known already; give the source another id");
        }
        List<DeviceSpec> devices = [.. Devices];
        HashSet<string> seen = [];
        foreach (YamlMap entry in file.Devices.Entries)
        {
            string? id = (entry.Find(IdKey)?.Value as YamlScalar)?.Text;
            int index = devices.FindIndex(device => device.Id == id);
            DeviceSpec spec = Bind(entry, index < 0 ? null : devices[index], ownSource?.Id);
            if (!seen.Add(spec.Id))
                throw entry.At.Error($"the device {spec.Id} is there twice; keep one");
            CheckSources(spec, known, entry);
            CheckNames(spec, devices, entry);
            if (index < 0)
                devices.Add(spec);
            else
                devices[index] = spec;
        }
        return new DeviceCatalogue(devices, known);
    }

    /// <summary>The device of that id, name or alias; capitals, spaces and punctuation do not matter.</summary>
    /// <exception cref="InputException">There is none; the message names the nearest.</exception>
    public DeviceSpec Find(string name)
    {
        if (TryFind(name) is DeviceSpec found)
            return found;
        string[] near = Nearest(name);
        string hint = near.Length > 0 ? $"did you mean {string.Join(" or ", near)}?" : "`mazij devices catalogue` lists what is known";
        throw new InputException($"unknown device {MessageText.Quote(name)}; {hint}, or describe it in a file for --devices");
    }

    /// <summary>As <see cref="Find"/>, or null.</summary>
    public DeviceSpec? TryFind(string name) => byName.GetValueOrDefault(Fold(name));

    /// <summary>A source by its id; null if there is none.</summary>
    public CatalogueSource? Source(string? id) => id is null ? null : sources.GetValueOrDefault(id);

    /// <summary>A name without what does not distinguish it: capitals, spaces, punctuation.</summary>
    internal static string Fold(string name) => string.Concat(name.Where(char.IsLetterOrDigit)).ToLowerInvariant();

    private static IEnumerable<string> NamesOf(DeviceSpec device) => device.Aliases.Prepend(device.Name).Prepend(device.Id);

    private string[] Nearest(string name)
    {
        string wanted = Fold(name);
        // "h100" is part of several names; a slip of the keys is near one of them.
        if (wanted.Length < 2)
            return [];
        List<(DeviceSpec Device, string[] Names)> folded = [.. Devices.Select(device => (device, NamesOf(device).Select(Fold).ToArray()))];
        string[] containing =
            [.. folded.Where(device => device.Names.Any(known => known.Contains(wanted, StringComparison.Ordinal))).Select(device => device.Device.Id)];
        if (containing.Length > 0)
            return containing[..Math.Min(MostSuggestions, containing.Length)];
        return NearestName.Find(wanted, folded.SelectMany(device => device.Names)) is string nearest
            ? [folded.First(device => device.Names.Contains(nearest)).Device.Id]
            : [];
    }

    private static DeviceSpec Bind(YamlMap entry, DeviceSpec? known, string? ownSource)
    {
        DeviceSpec before = known ?? new DeviceSpec();
        // A new price is not what the old one's source said.
        if (before.Price is not null && entry.Find(PriceKey)?.Value is YamlMap price && price.Find(PerHourKey) is not null)
            before = before with { Price = before.Price with { Kind = null, Source = null, Date = null } };
        DeviceSpec spec = YamlBinder.Bind(entry, before);
        FigureSources named = entry.Find(FromKey) is null ? FigureSources.None : spec.From;
        spec = spec with { From = before.From.Replace([.. Given(entry)], named, ownSource) };
        if (spec.Price is { Source: null } own)
            spec = spec with { Price = own with { Source = ownSource } };
        if (spec.Efficiency is not null && before.Efficiency is not null && entry.Find("efficiency") is not null)
            spec = spec with { Efficiency = before.Efficiency.With(spec.Efficiency) };
        return spec;
    }

    /// <summary>The figures that an entry gives, by their dotted keys.</summary>
    private static IEnumerable<string> Given(YamlMap entry) => entry.Entries
        .SelectMany(given => given.Value is YamlMap section && given.Key is not FromKey
            ? section.Entries.Where(inner => !inner.Value.IsNull).Select(inner => $"{given.Key}.{inner.Key}")
            : given.Value.IsNull ? [] : [given.Key])
        .Where(DeviceSpec.FigureNames.Contains);

    private static void CheckSources(DeviceSpec spec, Dictionary<string, CatalogueSource> known, YamlMap entry)
    {
        foreach ((_, string id, _, YamlLocation at) in spec.From.All)
        {
            if (!known.ContainsKey(id))
                throw at.Error($"there is no source {MessageText.Quote(id)}{NearestName.Hint(id, known.Keys)}; add it to sources");
        }
        if (spec.Price?.Source is string price && !known.ContainsKey(price))
            throw (entry.Find(PriceKey)?.Value.At ?? entry.At).Error($"there is no source {MessageText.Quote(price)}{NearestName.Hint(price, known.Keys)}; add it to sources");
    }

    private static void CheckNames(DeviceSpec spec, List<DeviceSpec> devices, YamlMap entry)
    {
        HashSet<string> own = [.. NamesOf(spec).Select(Fold)];
        foreach (DeviceSpec other in devices.Where(other => other.Id != spec.Id))
        {
            if (NamesOf(other).FirstOrDefault(name => own.Contains(Fold(name))) is string taken)
                throw entry.At.Error($"the name {MessageText.Quote(taken)} is that of {other.Id} already; give {spec.Id} another");
        }
    }
}
