using Mazij.Planning;

namespace Mazij.Cli.Plans;

/// <summary>Brings prices into one currency, and adds the electricity.</summary>
/// <param name="Currency">The currency of the plan.</param>
/// <param name="Rates">What one unit of other currencies is in it.</param>
/// <param name="Prices">Prices of devices in it, in place of what is known of them.</param>
/// <param name="PricePerKilowattHour">Price of electricity in it; null if devices' prices include it.</param>
internal sealed record PlanMoney(
    string Currency, IReadOnlyDictionary<string, double> Rates, IReadOnlyDictionary<string, double> Prices, double? PricePerKilowattHour)
{
    /// <summary>The device with its price in the plan's currency.</summary>
    /// <exception cref="InputException">There is no rate for its currency, or its power is needed and not known.</exception>
    public PlannedDevice Convert(PlannedDevice device)
    {
        double electricity = PricePerKilowattHour is double price
            ? price / 1000 * (device.Watts ?? throw new InputException($"device {device.Name}: power_w is not known, which --electricity needs; give it in a file for --devices"))
            : 0;
        if (Prices.TryGetValue(device.Name, out double own))
            return device with { PricePerHour = own + electricity, Currency = Currency };
        return device.PricePerHour is double hour
            ? device with { PricePerHour = hour * RateOf(device.Currency, device.Name) + electricity, Currency = Currency }
            : device;
    }

    /// <summary>The estimate with its price in the plan's currency.</summary>
    /// <exception cref="InputException">There is no rate for its currency.</exception>
    public MfuEstimate Convert(MfuEstimate estimate)
    {
        if (Prices.TryGetValue(estimate.Device, out double own))
            return estimate with { PricePerHour = own, Currency = Currency };
        return estimate.PricePerHour is double hour
            ? estimate with { PricePerHour = hour * RateOf(estimate.Currency, estimate.Device), Currency = Currency }
            : estimate;
    }

    private double RateOf(string currency, string device) => currency == Currency ? 1 : Rates.TryGetValue(currency, out double known)
        ? known
        : throw new InputException($"device {device} has a price in {currency}; give --exchange {currency}=WHAT ONE IS IN {Currency}, or --currency {currency}");

    /// <summary>Reads numbers by name.</summary>
    /// <param name="entries">What was written.</param>
    /// <param name="option">By which option.</param>
    /// <param name="expected">What it takes.</param>
    /// <exception cref="InputException">An entry is not NAME=NUMBER.</exception>
    public static IReadOnlyDictionary<string, double> ReadNumbers(IEnumerable<string> entries, string option, string expected)
    {
        Dictionary<string, double> numbers = [];
        foreach (string entry in entries)
        {
            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1)
                throw new InputException($"{option} {MessageText.Quote(entry)}: expected {expected}");
            numbers[entry[..equals].Trim()] = PlanQuantity.Positive(entry[(equals + 1)..], option);
        }
        return numbers;
    }
}
