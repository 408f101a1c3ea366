using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Mazij.Training.Telemetry;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Mazij.Cli.Telemetry;

/// <summary>
/// Sends a run's metrics and spans to an OpenTelemetry collector, and offers the metrics to Prometheus. It works beside the
/// training: a collector that is slow or gone loses data, never time.
/// </summary>
internal sealed class TelemetryExport : IDisposable
{
    private const int GrpcPort = 4317;
    private const int IntervalMilliseconds = 10_000, TimeoutMilliseconds = 2_000, LastWordMilliseconds = 1_000;

    private readonly MeterProvider? pushed, scraped;
    private readonly TracerProvider? traced;
    private readonly ExportFailures? failures;

    /// <summary>Begins.</summary>
    /// <param name="collector">The collector, or null to send nothing.</param>
    /// <param name="port">Where Prometheus finds the metrics, or null to offer none.</param>
    /// <param name="host">The name or address to listen at; null: this machine only; *: all.</param>
    /// <param name="run">The run's name.</param>
    /// <param name="notice">Told, once, if the collector does not take what it is sent.</param>
    /// <exception cref="InputException">The port is taken, or may not be listened at.</exception>
    public TelemetryExport(Uri? collector, int? port, string? host, string run, Action<string> notice)
    {
        ResourceBuilder resource = ResourceBuilder.CreateDefault().AddService("mazij", serviceInstanceId: run);
        if (port is int number)
            scraped = Listen(resource, number, host);
        if (collector is null)
            return;
        failures = new ExportFailures(cause => notice(
            $"the collector at {collector} does not take what it is sent ({cause}); the run goes on without it"));
        pushed = Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(resource)
            .AddMeter(TrainingMeter.Name)
            .AddOtlpExporter((options, reader) =>
            {
                Address(options, collector, "v1/metrics");
                reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = IntervalMilliseconds;
                reader.PeriodicExportingMetricReaderOptions.ExportTimeoutMilliseconds = TimeoutMilliseconds;
            })
            .Build();
        traced = Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(resource)
            .AddSource(TrainingMeter.Name)
            .AddOtlpExporter(options =>
            {
                Address(options, collector, "v1/traces");
                options.BatchExportProcessorOptions.ExporterTimeoutMilliseconds = TimeoutMilliseconds;
            })
            .Build();
    }

    /// <summary>Sends the last figures and spans side by side and ends; waits a second for them at most.</summary>
    public void Dispose()
    {
        // On a thread of its own: the pool may have none to spare, and the one would wait for the other.
        Thread spans = new(() => traced?.Shutdown(LastWordMilliseconds)) { IsBackground = true, Name = "last spans" };
        spans.Start();
        pushed?.Shutdown(LastWordMilliseconds);
        spans.Join();
        traced?.Dispose();
        pushed?.Dispose();
        scraped?.Dispose();
        failures?.Dispose();
    }

    private static void Address(OtlpExporterOptions options, Uri collector, string path)
    {
        bool isGrpc = collector.Port == GrpcPort;
        options.Protocol = isGrpc ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;
        // An address without a path is that of the collector, under which each kind has a path of its own.
        options.Endpoint = isGrpc || collector.AbsolutePath.EndsWith(path, StringComparison.Ordinal)
            ? collector
            : new Uri(collector.AbsoluteUri.TrimEnd('/') + "/" + path);
        options.TimeoutMilliseconds = TimeoutMilliseconds;
    }

    private static MeterProvider Listen(ResourceBuilder resource, int port, string? host)
    {
        try
        {
            return Sdk.CreateMeterProviderBuilder()
                .SetResourceBuilder(resource)
                .AddMeter(TrainingMeter.Name)
                .AddPrometheusHttpListener(options =>
                {
                    (options.Host, options.Port) = (host ?? "localhost", port);
                    options.ScopeInfoEnabled = false; // There is one meter.
                })
                .Build();
        }
        catch (Exception error) when (error.GetBaseException() is HttpListenerException or SocketException)
        {
            string cause = error.GetBaseException().Message;
            throw new InputException(
                string.Create(CultureInfo.InvariantCulture, $"--metrics-port {port}: cannot listen there ({cause}); choose another port, or end what listens at it"), error);
        }
    }
}
