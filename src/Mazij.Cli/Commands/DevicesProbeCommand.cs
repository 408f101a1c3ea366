using System.CommandLine;
using Mazij.Cli.Probing;
using Mazij.Devices;
using Mazij.Devices.Catalogue;
using Mazij.Devices.Probing;
using Mazij.Devices.Profiles;
using Mazij.Distributed.Mpi;
using TorchSharp;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij devices probe</c>.</summary>
internal static class DevicesProbeCommand
{
    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Option<string> device = new("--device")
        {
            Description = "Which device to measure: cpu, cuda:0, mps, xpu:0, npu:0 (see mazij devices list).",
            HelpName = "DEVICE",
            DefaultValueFactory = _ => "cpu",
        };
        Option<string?> output = new("--out")
        {
            Description = "The profile's file (default: in the cache folder, where mazij train looks; mazij plan takes a file).",
            HelpName = "FILE",
        };
        Option<int> threads = new("--threads") { Description = "CPU threads; 0 uses all cores.", HelpName = "N" };
        Option<bool> quick = new("--quick") { Description = "A rough profile in a few seconds: fewer shapes, each measured once." };
        Option<string?> known = new("--as")
        {
            Description = "The kind of device that this is, by a name of the catalogue; its peaks are shown beside what was measured.",
            HelpName = "NAME",
        };
        Option<string?> file = DevicesCatalogueCommand.FileOption();
        Option<bool> json = new("--json") { Description = "Print the profile's figures as JSON." };
        Command command = new(
            "probe",
            "Measure what a device does on the work that training consists of, and keep it as a profile: matrix products, memory,\n" +
            "attention, experts, norms, head and optimiser over many shapes; under mpirun also exchanges among processes. Takes\n" +
            "under a minute.\n\n" +
            "Example: mazij devices probe --out this-machine.json")
        { device, output, threads, quick, known, file, json };
        LibTorchOptionSet libTorch = new(command);
        command.SetAction(parsed => Failures.Guard(() =>
        {
            DeviceName name = DeviceName.Parse(parsed.GetRequiredValue(device));
            int count = parsed.GetValue(threads);
            if (count is < 0 or > 4096)
                throw new InputException($"--threads is {count}; it must be from 0 to 4096");
            DeviceCatalogue catalogue = DeviceCatalogue.Read(parsed.GetValue(file));
            DeviceSpec? kind = parsed.GetValue(known) is string wanted ? catalogue.Find(wanted) : null;
            string? path = parsed.GetValue(output);
            if (path is not null && Directory.Exists(path))
                throw new InputException($"--out {path}: is a folder; name a file");
            bool asJson = parsed.GetValue(json);
            OpenMpi? mpi = OpenMpi.IsLaunched ? OpenMpi.Start() : null;
            using Interruption interruption = new("mazij: stopping after this measurement");
            DeviceProfile? profile = null;
            if (mpi is null or { Rank: 0 })
            {
                libTorch.Load(parsed);
                torch.set_num_threads(count > 0 ? count : Environment.ProcessorCount);
                profile = Probe(new ProbeOptions(name, parsed.GetValue(quick), FolderOf(path)), asJson, interruption.Token);
            }
            if (mpi is { Ranks: > 1 })
                profile = Exchange(mpi, profile, parsed.GetValue(quick), asJson);
            // Only where all went well: the end of MPI waits for every process, and mpirun ends them all when one fails.
            mpi?.Dispose();
            if (profile is null)
                return 0;
            path ??= ProfileStore.PathOf(profile.Machine);
            ProfileFile.Write(path, profile);
            ProfileReport report = new(profile, path, kind ?? catalogue.TryFind(profile.Machine.Model));
            if (asJson)
                JsonOutput.Write(report.ToJson());
            else
                report.Print();
            return 0;
        }));
        return command;
    }

    private static DeviceProfile Probe(ProbeOptions options, bool asJson, CancellationToken cancellation)
    {
        ConsoleProgress console = new();
        DeviceProbe probe = new(
            options, what =>
            {
                if (!asJson)
                    console.Line($"measuring   {what}");
            },
            cancellation);
        return probe.Run();
    }

    /// <summary>The other processes wait for the first one's measurements, then all exchange.</summary>
    private static DeviceProfile? Exchange(OpenMpi mpi, DeviceProfile? profile, bool quick, bool asJson)
    {
        mpi.WaitQuietly();
        if (profile is not null && !asJson)
            Console.Out.WriteLine($"measuring   exchanges among {mpi.Ranks} processes, {mpi.Version}");
        CollectiveProfile collectives = new CollectiveProbe(mpi, quick).Run();
        return profile is null ? null : profile with { Collectives = collectives };
    }

    /// <summary>The nearest folder that exists above a file; its disk is the file's.</summary>
    private static string FolderOf(string? path)
    {
        string? folder = path is null ? CacheFolder.Path : Path.GetDirectoryName(Path.GetFullPath(path));
        while (folder is not null && !Directory.Exists(folder))
            folder = Path.GetDirectoryName(folder);
        return folder ?? ".";
    }
}
