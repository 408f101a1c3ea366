using System.CommandLine;
using System.Globalization;

namespace Mazij.Cli.Telemetry;

/// <summary>The options that say where a run can be watched.</summary>
internal sealed class TelemetryOptionSet
{
    private readonly Option<string?> otlp = new("--otlp")
    {
        Description = "Send metrics and spans to this OpenTelemetry collector: gRPC if the port is 4317, else HTTP, for example http://localhost:4318.",
        HelpName = "URL",
    };
    private readonly Option<int?> port = new("--metrics-port")
    {
        Description = "Offer metrics to Prometheus at http://localhost:N/metrics.",
        HelpName = "N",
    };
    private readonly Option<string?> host = new("--metrics-host")
    {
        Description = "Offer metrics at this name or address of the machine instead of to itself only; * for all.",
        HelpName = "HOST",
    };

    /// <summary>Adds the options to a command.</summary>
    public TelemetryOptionSet(Command command)
    {
        command.Add(otlp);
        command.Add(port);
        command.Add(host);
    }

    /// <summary>Begins to send and to offer what the options ask for; refuses what cannot be.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="run">The run's name, which goes along with everything.</param>
    /// <param name="notice">Told, once, if the collector does not take what it is sent; from any thread.</param>
    /// <exception cref="InputException">An option is wrong, or the port is taken.</exception>
    public TelemetryExport Start(ParseResult parsed, string run, Action<string> notice)
    {
        Uri? collector = parsed.GetValue(otlp) is string url ? ParseUrl(url) : null;
        int? number = parsed.GetValue(port);
        if (number is < 1 or > 65535)
            throw new InputException(string.Create(CultureInfo.InvariantCulture, $"--metrics-port {number}: a port is from 1 to 65535"));
        string? name = parsed.GetValue(host);
        if (name is not null && number is null)
            throw new InputException("--metrics-host says where --metrics-port listens; give that too");
        if (name is not null && name != "*" && Uri.CheckHostName(name) == UriHostNameType.Unknown)
            throw new InputException($"--metrics-host {MessageText.OneLine(name, 100)}: is no name or address; give one of this machine's, or *");
        return new TelemetryExport(collector, number, name, run, notice);
    }

    private static Uri ParseUrl(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out Uri? parsed) && parsed.Scheme is "http" or "https" && parsed.Host.Length > 0
            ? parsed
            : throw new InputException($"--otlp {MessageText.OneLine(url, 100)}: is no address of a collector; give for example http://localhost:4318");
}
