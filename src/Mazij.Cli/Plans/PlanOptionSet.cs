using System.CommandLine;
using Mazij.Configuration;
using Mazij.Devices.Catalogue;
using Mazij.Planning;

namespace Mazij.Cli.Plans;

/// <summary>The options of <c>mazij plan</c>, and what they ask.</summary>
internal sealed class PlanOptionSet
{
    private const int DefaultCount = 4096, DefaultLength = 4096;

    private readonly Option<string> model = new("--model")
    {
        Description = "What is trained: a preset, a model of a published run, a run file, or a folder with config.json.",
        DefaultValueFactory = _ => "ling-plus",
        HelpName = "MODEL",
    };

    private readonly Option<string> tokens = new("--tokens")
    {
        Description = "Tokens to train on, as 300B or 1T.",
        DefaultValueFactory = _ => "1T",
        HelpName = "N",
    };

    private readonly Option<int> sequenceLength = new("--sequence-length")
    {
        Description = "Tokens of a sequence.",
        DefaultValueFactory = _ => DefaultLength,
        HelpName = "N",
    };

    private readonly Option<int?> batch = new("--batch")
    {
        Description = "Sequences of a step (default: by a law of the compute, arXiv 2401.02954).",
        HelpName = "N",
    };

    private readonly Option<string[]> devices = new("--devices")
    {
        Description = "Devices that may be used, as NAME or NAME:COUNT, separated by commas; a file adds devices to the catalogue or says "
            + "otherwise what it says, and a profile that `mazij devices probe` wrote (FILE.json or FILE.json:COUNT) is a device of its own. May be given several times. (Default: all of the catalogue that have a price in --currency and every figure, 4,096 of each.)",
        HelpName = "LIST|FILE",
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly Option<string[]> mfu = new("--mfu")
    {
        Description = "Plan a device by its peak and this utilisation alone, as ling-a=0.18: for devices of which no more is known. May be given several times.",
        HelpName = "NAME=SHARE",
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly Option<string?> baseline = new("--baseline")
    {
        Description = "The device that savings are counted against (default: the one with the highest price).",
        HelpName = "NAME",
    };

    private readonly Option<string?> deadline = new("--deadline") { Description = "The run has to be done in this time, as 30d.", HelpName = "TIME" };
    private readonly Option<string?> budget = new("--budget") { Description = "The run may cost this, as 5M.", HelpName = "SUM" };

    private readonly Option<string?> currency = new("--currency")
    {
        Description = "Currency of the plan (default: that of the first device's price).",
        HelpName = "CUR",
    };

    private readonly Option<string[]> exchange = new("--exchange")
    {
        Description = "What one unit of another currency is in the plan's, as RMB=0.14. May be given several times.",
        HelpName = "CUR=NUMBER",
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly Option<string[]> prices = new("--price")
    {
        Description = "Price of an hour of a device in the plan's currency, in place of the catalogue's, as nvidia-h20=1.1. May be given several times.",
        HelpName = "NAME=PRICE",
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly Option<string?> electricity = new("--electricity")
    {
        Description = "Price of a kWh, added to the devices' prices by their power.",
        HelpName = "PRICE",
    };

    private readonly Option<string[]> dtypes = new("--dtype")
    {
        Description = "Number formats of the products that may be used: bf16, fp8, fp32 (default: bf16).",
        HelpName = "DTYPE",
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<string[]> assume = new("--assume")
    {
        Description = "Override an assumption, for example expert_imbalance=1.3; docs/planning.md lists them. May be given several times.",
        HelpName = "KEY=VALUE",
        AllowMultipleArgumentsPerToken = false,
    };

    /// <summary>Adds the options to a command.</summary>
    public PlanOptionSet(Command command)
    {
        foreach (Option option in (Option[])[model, tokens, sequenceLength, batch, devices, mfu, baseline, deadline, budget, currency, exchange, prices, electricity, dtypes, assume])
            command.Add(option);
    }

    /// <summary>What is asked.</summary>
    /// <exception cref="InputException">An option is wrong.</exception>
    public PlanQuestion Read(ParseResult parsed)
    {
        PlannedModel planned = PlannedModel.Resolve(parsed.GetRequiredValue(model));
        int length = parsed.GetValue(sequenceLength);
        if (length is < 1 or > 1 << 24)
            throw new InputException($"--sequence-length {length}: expected 1 to {1 << 24}");
        double count = PlanQuantity.Count(parsed.GetRequiredValue(tokens), "--tokens");
        double flops = count * planned.Shape.TrainingFlopsPerToken(length);
        int sequences = parsed.GetValue(batch) ?? BatchLaw.Sequences(flops, length);
        if (sequences is < 1 or > 1 << 24)
            throw new InputException($"--batch {sequences}: expected 1 to {1 << 24} sequences");
        string[] entries = [.. (parsed.GetValue(devices) ?? []).SelectMany(entry => entry.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))];
        DeviceCatalogue catalogue = DeviceOfferText.ReadCatalogue(entries);
        List<(DeviceSpec Spec, double Mfu)> byMfu = [.. (parsed.GetValue(mfu) ?? []).Select(entry => DeviceOfferText.ReadMfu(entry, catalogue))];
        string unit = parsed.GetValue(currency) ?? DeviceOfferText.FirstCurrency(entries, catalogue, byMfu.Select(entry => entry.Spec));
        PlanMoney money = new(
            unit, PlanMoney.ReadNumbers(parsed.GetValue(exchange) ?? [], "--exchange", "CURRENCY=NUMBER, as RMB=0.14"),
            PlanMoney.ReadNumbers(parsed.GetValue(prices) ?? [], "--price", "NAME=PRICE, as nvidia-h20=1.1"),
            parsed.GetValue(electricity) is string kilowattHour ? PlanQuantity.Positive(kilowattHour, "--electricity") : null);
        List<DeviceOffer> offers = DeviceOfferText.Read(entries, catalogue, money, DefaultCount, isDefault: byMfu.Count == 0);
        if (money.Prices.Keys.FirstOrDefault(name => !offers.Exists(offer => offer.Device.Name == name) && !byMfu.Exists(entry => entry.Spec.Id == name)) is string other)
            throw new InputException($"--price names {MessageText.Quote(other)}, which is none of the plan's devices{NearestName.Hint(other, offers.Select(offer => offer.Device.Name))}");
        PlanLimits limits = new(
            parsed.GetValue(deadline) is string time ? PlanQuantity.Hours(time, "--deadline") : null,
            parsed.GetValue(budget) is string sum ? PlanQuantity.Count(sum, "--budget") : null);
        if (limits.Budget is not null && offers.Find(offer => offer.Device.PricePerHour is null) is DeviceOffer unpriced)
            throw new InputException($"device {unpriced.Device.Name} has no price, which --budget needs; give it by --price {unpriced.Device.Name}=NUMBER");
        return new PlanQuestion(
            planned,
            new PlanRequest(planned.Shape, new Workload(count, length, sequences), offers, ReadPrecisions(parsed), limits, ReadAssumptions(parsed)),
            [.. byMfu.Select(entry => money.Convert(MfuEstimate.Of(entry.Spec, flops, entry.Mfu)))],
            parsed.GetValue(baseline) is string premium ? catalogue.Find(premium).Id : null, unit);
    }

    private PlanPrecision[] ReadPrecisions(ParseResult parsed)
    {
        string[] given = parsed.GetValue(dtypes) ?? [];
        return given.Length == 0
            ? [PlanPrecision.Bf16]
            : [.. given.SelectMany(entry => entry.Split(',')).Select(name => Enum.TryParse(name.Trim(), ignoreCase: true, out PlanPrecision known) && Enum.IsDefined(known)
                ? known : throw new InputException($"--dtype {MessageText.Quote(name)}: known are bf16, fp8, fp32")).Distinct()];
    }

    private PlanAssumptions ReadAssumptions(ParseResult parsed)
    {
        string[] given = parsed.GetValue(assume) ?? [];
        YamlNode node = YamlOverrides.Apply(new YamlMap(YamlLocation.Of("--assume"), []), given, option: "--assume");
        return YamlBinder.Bind(node, new PlanAssumptions());
    }
}

/// <summary>What <c>mazij plan</c> is asked.</summary>
/// <param name="Model">The model.</param>
/// <param name="Request">What the planner is asked.</param>
/// <param name="ByMfu">Devices that are planned by an MFU alone.</param>
/// <param name="Baseline">The device that savings are counted against; null for the one with the highest price.</param>
/// <param name="Currency">The plan's currency.</param>
internal sealed record PlanQuestion(
    PlannedModel Model, PlanRequest Request, IReadOnlyList<MfuEstimate> ByMfu, string? Baseline, string Currency);
