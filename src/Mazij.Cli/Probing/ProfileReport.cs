using System.Globalization;
using System.Text.Json.Nodes;
using Mazij.Cli.Benches;
using Mazij.Configuration;
using Mazij.Devices.Catalogue;
using Mazij.Devices.Profiles;
using Mazij.Kernels;

namespace Mazij.Cli.Probing;

/// <summary>What <c>mazij devices probe</c> found, for people and for scripts.</summary>
/// <param name="profile">The profile.</param>
/// <param name="path">Where it was written.</param>
/// <param name="kind">The device as the catalogue knows it; null if it does not.</param>
internal sealed class ProfileReport(DeviceProfile profile, string path, DeviceSpec? kind)
{
    /// <summary>Prints the figures.</summary>
    public void Print()
    {
        ProfiledMachine machine = profile.Machine;
        Console.Out.WriteLine(Invariant(
            $"device      {machine.Device}: {TerminalText.CleanLine(machine.Model)}, {machine.Threads} threads, libtorch {machine.Libtorch}"));
        PrintProducts();
        PrintMemory();
        PrintKernels();
        PrintCollectives();
        PrintPeaks();
        Console.Out.WriteLine(Invariant($"profile     {path}, taken in {profile.Seconds:F0} s"));
    }

    /// <summary>The figures as JSON. Scripts rely on the names.</summary>
    public JsonObject ToJson() => new()
    {
        ["file"] = path,
        ["seconds"] = profile.Seconds,
        ["device"] = profile.Machine.Device,
        ["model"] = profile.Machine.Model,
        ["threads"] = profile.Machine.Threads,
        ["gemm"] = new JsonArray([.. profile.Gemm.Select(sample => new JsonObject
        {
            ["dtype"] = Spelled(sample.Dtype),
            ["rows"] = sample.Rows,
            ["columns"] = sample.Columns,
            ["depth"] = sample.Depth,
            ["flops_per_second"] = sample.FlopsPerSecond,
        })]),
        ["memory_bytes_per_second"] = profile.PeakBandwidth,
        ["storage_bytes_per_second"] = profile.StorageBytesPerSecond,
        ["kernels"] = new JsonArray([.. profile.Kernels.Select(sample => new JsonObject
        {
            ["model"] = sample.Model,
            ["dtype"] = Spelled(sample.Dtype),
            ["name"] = KernelNames.Of(sample.Kernel),
            ["backward"] = sample.Backward,
            ["seconds"] = sample.Seconds,
            ["flops_per_second"] = FlopsOf(sample) / sample.Seconds,
            ["bytes_per_second"] = BytesOf(sample) / sample.Seconds,
        })]),
        ["collectives"] = profile.Collectives is CollectiveProfile all
            ? new JsonArray([.. all.Samples.Select(sample => new JsonObject
            {
                ["operation"] = sample.Operation,
                ["ranks"] = all.Ranks,
                ["bytes"] = sample.Bytes,
                ["seconds"] = sample.Seconds,
                ["bus_bytes_per_second"] = sample.BusBytesPerSecond(all.Ranks),
            })])
            : null,
        ["catalogue_device"] = kind?.Id,
        ["peak_shares"] = new JsonObject(Shares().Select(share => KeyValuePair.Create(share.Figure, (JsonNode?)share.Share))),
    };

    private void PrintProducts()
    {
        TableView table = new("product", ">GFLOP/s bf16", ">fp32");
        foreach (IGrouping<(long Rows, long Columns, long Depth), GemmSample> shape in profile.Gemm.GroupBy(sample => (sample.Rows, sample.Columns, sample.Depth)))
        {
            string Rate(ProfileDtype dtype) =>
                shape.FirstOrDefault(sample => sample.Dtype == dtype) is GemmSample sample ? Number(sample.FlopsPerSecond / 1e9) : "";
            table.Add(Invariant($"{shape.Key.Rows} x {shape.Key.Columns} x {shape.Key.Depth}"), Rate(ProfileDtype.Bf16), Rate(ProfileDtype.Fp32));
        }
        table.Print();
    }

    private void PrintMemory()
    {
        string passes = string.Join(", ", profile.Memory.GroupBy(sample => sample.Operation)
            .Select(pass => Invariant($"{pass.Key} {pass.MaxBy(sample => sample.Bytes)!.BytesPerSecond / 1e9:F1}")));
        string disk = profile.StorageBytesPerSecond is double rate ? Invariant($"; disk {rate / 1e9:F2}") : "";
        Console.Out.WriteLine($"memory      GB/s: {passes}{disk}");
    }

    private void PrintKernels()
    {
        TableView table = new("kernel", "dtype", ">slowest", ">median", ">fastest", "");
        foreach (IGrouping<(KernelName Kernel, bool Backward, ProfileDtype Dtype), KernelSample> kernel in profile.Kernels
            .GroupBy(sample => (sample.Kernel, sample.Backward, sample.Dtype)).OrderBy(kernel => kernel.Key))
        {
            bool products = kernel.Any(sample => FlopsOf(sample) > 0);
            double[] rates = [.. kernel.Select(sample => (products ? FlopsOf(sample) : BytesOf(sample)) / sample.Seconds / 1e9).Order()];
            table.Add(
                KernelNames.Of(kernel.Key.Kernel) + (kernel.Key.Backward ? " backward" : ""), Spelled(kernel.Key.Dtype), Number(rates[0]),
                Number(Median.OfSorted(rates)), Number(rates[^1]), products ? "GFLOP/s" : "GB/s");
        }
        Console.Out.WriteLine($"kernels     in training steps of {profile.Steps.Select(step => step.Model).Distinct().Count()} models of unlike shapes");
        table.Print();
    }

    private void PrintCollectives()
    {
        if (profile.Collectives is not CollectiveProfile all)
            return;
        Console.Out.WriteLine(Invariant($"exchanges   among {all.Ranks} processes on {all.Hosts} machine{(all.Hosts == 1 ? "" : "s")}, {TerminalText.CleanLine(all.Library)}"));
        TableView table = new("operation", ">bytes", ">us", ">GB/s a rank");
        foreach (CollectiveSample sample in all.Samples.OrderBy(sample => sample.Operation, StringComparer.Ordinal))
            table.Add(sample.Operation, Quantity.Bytes(sample.Bytes), Number(1e6 * sample.Seconds), Number(sample.BusBytesPerSecond(all.Ranks) / 1e9));
        table.Print();
    }

    private void PrintPeaks()
    {
        if (kind is null)
            return;
        string[] shares = [.. Shares().Select(share => Invariant($"{share.Figure} {100 * share.Share:F0} %"))];
        Console.Out.WriteLine($"of peak     {kind.Id}: {(shares.Length > 0 ? string.Join(", ", shares) : "the catalogue has no peak of it")}");
    }

    /// <summary>What was measured as shares of what the catalogue says.</summary>
    private IEnumerable<(string Figure, double Share)> Shares()
    {
        foreach ((ProfileDtype dtype, DeviceDtype format) in new[] { (ProfileDtype.Bf16, DeviceDtype.Bf16), (ProfileDtype.Fp32, DeviceDtype.Fp32) })
        {
            if (kind?.PeakFlops(format) is double peak && profile.PeakGemm(dtype) is double measured)
                yield return (DeviceSpec.PeakName(format), measured / peak);
        }
        if (kind?.MemoryBandwidth is double bandwidth)
            yield return ("memory_bandwidth_gbs", profile.PeakBandwidth / bandwidth);
    }

    private static double FlopsOf(KernelSample sample) => sample.Calls.Sum(call => call.Count * call.Flops);

    private static double BytesOf(KernelSample sample) => sample.Calls.Sum(call => call.Count * call.Bytes);

    private static string Spelled(ProfileDtype dtype) => ScalarText.Format(dtype).Text;

    private static string Number(double value) => value.ToString(value < 99.95 ? "F1" : "F0", CultureInfo.InvariantCulture);

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
