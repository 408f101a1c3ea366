using Mazij.Planning;

namespace Mazij.Cli.Plans;

/// <summary>Brings prices into one currency, and adds the electricity.</summary>
/// <param name="Currency">The currency of the plan.</param>
/// <param name="Rates">What one unit of other currencies is in it.</param>
/// <param name="PricePerKilowattHour">Price of electricity in it; null if devices' prices include it.</param>
internal sealed record PlanMoney(string Currency, IReadOnlyDictionary<string, double> Rates, double? PricePerKilowattHour)
{
    /// <summary>The device with its price in the plan's currency.</summary>
    /// <exception cref="InputException">There is no rate for its currency, or its power is needed and not known.</exception>
    public PlannedDevice Convert(PlannedDevice device)
    {
        double electricity = PricePerKilowattHour is double price
            ? price / 1000 * (device.Watts ?? throw new InputException($"device {device.Name}: power_w is not known, which --electricity needs; give it in a file for --devices"))
            : 0;
        return device.PricePerHour is double hour
            ? device with { PricePerHour = hour * RateOf(device.Currency, device.Name) + electricity, Currency = Currency }
            : device;
    }

    /// <summary>The estimate with its price in the plan's currency.</summary>
    /// <exception cref="InputException">There is no rate for its currency.</exception>
    public MfuEstimate Convert(MfuEstimate estimate) => estimate.PricePerHour is double hour
        ? estimate with { PricePerHour = hour * RateOf(estimate.Currency, estimate.Device), Currency = Currency }
        : estimate;

    private double RateOf(string currency, string device) => currency == Currency ? 1 : Rates.TryGetValue(currency, out double known)
        ? known
        : throw new InputException($"device {device} has a price in {currency}; give --exchange {currency}=WHAT ONE IS IN {Currency}, or --currency {currency}");

    /// <summary>Reads <c>--exchange</c>.</summary>
    /// <exception cref="InputException">An entry is not CUR=NUMBER.</exception>
    public static IReadOnlyDictionary<string, double> ReadRates(IEnumerable<string> entries)
    {
        Dictionary<string, double> rates = [];
        foreach (string entry in entries)
        {
            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1)
                throw new InputException($"--exchange {MessageText.Quote(entry)}: expected CURRENCY=NUMBER, as RMB=0.14");
            rates[entry[..equals].Trim()] = PlanQuantity.Positive(entry[(equals + 1)..], "--exchange");
        }
        return rates;
    }
}
