using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Mazij.Cli.Telemetry;
using Mazij.Training;
using Mazij.Training.Telemetry;

namespace Mazij.Cli.Tests.Commands;

public sealed partial class TelemetryTests(TinyRun run)
{
    [Fact]
    public async Task A_collector_receives_the_metrics_and_spans_of_a_training()
    {
        int port = FreePort();
        using HttpListener collector = new();
        collector.Prefixes.Add(string.Create(CultureInfo.InvariantCulture, $"http://localhost:{port}/"));
        collector.Start();
        ConcurrentDictionary<string, string> received = new();
        Task receiving = Task.Run(() => Receive(collector, received), TestContext.Current.CancellationToken);
        using TemporaryFolder folder = new();
        Invocation.Succeeding("train", run.RunFile, "--out", folder["seen"], "--otlp", string.Create(CultureInfo.InvariantCulture, $"http://localhost:{port}"));
        collector.Stop();
        await receiving;
        // Names stand in the messages as they are.
        Assert.Equal(["/v1/metrics", "/v1/traces"], received.Keys.Order(StringComparer.Ordinal));
        foreach (string name in (string[])["mazij.train.loss", "mazij.train.tokens_per_second", "mazij.train.router_entropy", "mazij.validation.bits_per_byte", "mazij.process.memory", "seen"])
            Assert.Contains(name, received["/v1/metrics"], StringComparison.Ordinal);
        foreach (string name in (string[])["train", "step", "evaluation", "checkpoint"])
            Assert.Contains(name, received["/v1/traces"], StringComparison.Ordinal);
    }

    [Fact]
    public void A_collector_that_is_down_is_mentioned_once_and_costs_no_result()
    {
        using TemporaryFolder folder = new();
        string url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{FreePort()}");
        Invocation training = Invocation.Of("train", run.RunFile, "--out", folder["run"], "--otlp", url);
        Assert.Equal(0, training.ExitCode);
        string line = Assert.Single(training.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith($"mazij: the collector at {url}/ does not take what it is sent", line, StringComparison.Ordinal);
        Assert.Equal(LossesOf(run.Folder), LossesOf(folder["run"]));
    }

    [Fact]
    public async Task Metrics_are_offered_to_this_machine_alone_in_the_format_of_Prometheus()
    {
        int port = FreePort();
        using TelemetryExport export = new(collector: null, port, host: null, "a run", _ => { });
        using TelemetryCallback telemetry = new();
        telemetry.Happened(null!, new TrainingEvent(1, TrainingEventKind.WideSpike, "a spike"));
        using HttpClient client = new();
        string url = string.Create(CultureInfo.InvariantCulture, $"http://localhost:{port}/metrics");
        string text = await client.GetStringAsync(new Uri(url), TestContext.Current.CancellationToken);
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines, line => Assert.Matches(PrometheusLine(), line));
        Assert.Contains("mazij_train_events_total{kind=\"wide_spike\"} 1", lines);
        Assert.Contains(lines, line => line.StartsWith("mazij_process_memory_bytes", StringComparison.Ordinal));
        IPEndPoint[] listening = [.. IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Where(end => end.Port == port)];
        Assert.NotEmpty(listening);
        Assert.All(listening, end => Assert.True(IPAddress.IsLoopback(end.Address), end.ToString()));
    }

    [Fact]
    public void A_port_that_is_taken_is_refused_before_anything_is_made()
    {
        using TcpListener taken = new(IPAddress.Loopback, 0);
        taken.Start();
        using TemporaryFolder folder = new();
        string port = ((IPEndPoint)taken.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
        Invocation.Of("train", run.RunFile, "--out", folder["run"], "--metrics-port", port).AssertRefused("--metrics-port " + port, "cannot listen there");
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Theory]
    [InlineData("is no address of a collector", "--otlp", "localhost")]
    [InlineData("is no address of a collector", "--otlp", "ftp://localhost:4318")]
    [InlineData("a port is from 1 to 65535", "--metrics-port", "0")]
    [InlineData("give that too", "--metrics-host", "*")]
    [InlineData("is no name or address", "--metrics-port", "9464", "--metrics-host", "http://here")]
    public void Wrong_options_are_refused(string problem, params string[] options)
    {
        using TemporaryFolder folder = new();
        Invocation.Of(["train", run.RunFile, "--out", folder["run"], .. options]).AssertRefused(problem);
        Assert.False(Directory.Exists(folder["run"]));
    }

    private static async Task Receive(HttpListener collector, ConcurrentDictionary<string, string> received)
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await collector.GetContextAsync().ConfigureAwait(false);
            }
            catch (Exception error) when (error is HttpListenerException or ObjectDisposedException)
            {
                return; // It was stopped.
            }
            using MemoryStream body = new();
            await context.Request.InputStream.CopyToAsync(body).ConfigureAwait(false);
            received.AddOrUpdate(
                context.Request.Url!.AbsolutePath, Encoding.Latin1.GetString(body.ToArray()),
                (_, before) => before + Encoding.Latin1.GetString(body.ToArray()));
            context.Response.ContentType = "application/x-protobuf";
            context.Response.Close();
        }
    }

    private static string[] LossesOf(string folder) =>
        [.. File.ReadLines(Path.Combine(folder, "metrics.jsonl")).Select(line => line.Split(",\"tokens_per_second\"")[0].Split(",\"seconds\"")[0])];

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>A comment, or a name with labels and a number (text format 0.0.4).</summary>
    [GeneratedRegex("""^(# (TYPE [a-zA-Z_:][a-zA-Z0-9_:]* (counter|gauge|histogram|summary|untyped)|HELP [a-zA-Z_:][a-zA-Z0-9_:]* .*|UNIT .*|EOF)|[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\.)*",?)*\})? (-?[0-9.]+([eE][-+]?[0-9]+)?|NaN|[+-]?Inf)( [0-9]+)?)$""")]
    private static partial Regex PrometheusLine();
}
