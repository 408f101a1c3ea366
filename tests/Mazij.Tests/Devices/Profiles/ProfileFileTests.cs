using System.Text.Json.Nodes;
using Mazij.Devices.Profiles;

namespace Mazij.Tests.Devices.Profiles;

/// <summary>A profile's file: what is written is read, and what is damaged is refused in one line with its place.</summary>
public sealed class ProfileFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("mazij-test-").FullName;

    private string File => Path.Combine(folder, "profile.json");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private string Refusal()
    {
        string message = Assert.Throws<InputException>(() => ProfileFile.Read(File)).Message;
        Assert.StartsWith(File, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        return message;
    }

    [Fact]
    public void What_is_written_is_read()
    {
        ProfileFile.Write(File, ProfileSamples.Whole);
        DeviceProfile read = ProfileFile.Read(File);
        string first = System.IO.File.ReadAllText(File);
        ProfileFile.Write(File, read);
        Assert.Equal(first, System.IO.File.ReadAllText(File));
        Assert.Equal(ProfileSamples.Whole.Machine, read.Machine);
        Assert.Equal(ProfileSamples.Whole.Gemm, read.Gemm);
        Assert.Equal(ProfileSamples.Whole.Kernels[^1].Calls, read.Kernels[^1].Calls);
        Assert.Equal(300e9, read.PeakGemm(ProfileDtype.Bf16)!.Value, 1);
        Assert.Null(read.PeakGemm(ProfileDtype.Fp32));
        Assert.Equal(30e9, read.PeakBandwidth, 1);
        Assert.Equal((1 << 20) / 1e-3, read.Collectives!.Samples[0].BusBytesPerSecond(2), 1);
        Assert.Equal((1 << 20) / 1e-3, read.Collectives.Samples[1].BusBytesPerSecond(2), 1);
    }

    [Theory]
    [InlineData("version", "1", "version is 1, this program reads 2")]
    [InlineData("format", "\"another\"", "format is 'another'")]
    [InlineData("seconds", "-1", "seconds is -1")]
    [InlineData("seconds", "\"long\"", "line", "seconds")]
    [InlineData("seconds", null, "seconds")]
    [InlineData("colour", "3", "colour")]
    [InlineData("gemm", "[null]", "gemm[0]: is null")]
    [InlineData("gemm", "[{\"dtype\": \"bf17\", \"rows\": 1, \"columns\": 1, \"depth\": 1, \"seconds\": 1}]", "dtype")]
    [InlineData("gemm", "[{\"dtype\": \"bf16\", \"rows\": 0, \"columns\": 1, \"depth\": 1, \"seconds\": 1}]", "gemm[0]: rows is 0")]
    [InlineData("gemm", "[{\"dtype\": \"bf16\", \"rows\": 1, \"columns\": 1, \"depth\": 1}]", "seconds")]
    [InlineData("gemm", "[]", "gemm has no product in bf16")]
    [InlineData("memory", "[]", "memory is empty")]
    [InlineData("memory", "[{\"operation\": \"write\", \"bytes\": 1, \"seconds\": 1}]", "memory[0]: operation is 'write'")]
    [InlineData("kernels", "[]", "kernels has none in bf16")]
    [InlineData("kernels", "[{\"model\": \"m\", \"dtype\": \"bf16\", \"kernel\": \"norm\", \"backward\": false, \"seconds\": 1, \"calls\": []}]", "kernels[0]: calls")]
    [InlineData("kernels", "[{\"model\": \"m\", \"dtype\": \"bf16\", \"kernel\": \"nrom\", \"backward\": false, \"seconds\": 1, \"calls\": []}]", "kernel")]
    [InlineData("kernels", "[{\"model\": \"m\", \"dtype\": \"bf16\", \"kernel\": 1, \"backward\": false, \"seconds\": 1, \"calls\": []}]", "kernel")]
    [InlineData("steps", "[{\"model\": \"m\", \"dtype\": \"bf16\", \"layers\": 1, \"tokens\": 1, \"seconds\": 1, \"typical_seconds\": 0.5, \"kernel_seconds\": 1}]", "steps[0]: typical_seconds is below seconds")]
    [InlineData("collectives", "{\"library\": \"x\", \"ranks\": 1, \"hosts\": 1, \"samples\": []}", "collectives")]
    [InlineData("machine", "null", "machine")]
    public void What_is_wrong_is_one_line_with_its_key(string key, string? value, params string[] parts)
    {
        ProfileFile.Write(File, ProfileSamples.Whole);
        JsonObject json = JsonNode.Parse(System.IO.File.ReadAllText(File))!.AsObject();
        json.Remove(key);
        if (value is not null)
            json[key] = JsonNode.Parse(value);
        System.IO.File.WriteAllText(File, json.ToJsonString());
        string message = Refusal();
        Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{")]
    [InlineData("[1, 2]")]
    [InlineData("not json")]
    public void What_is_no_profile_is_refused(string text)
    {
        System.IO.File.WriteAllText(File, text);
        Refusal();
    }

    [Fact]
    public void A_missing_file_says_how_to_take_one() => Assert.Contains("mazij devices probe", Refusal(), StringComparison.Ordinal);

    [Fact]
    public void A_machine_has_one_place_and_another_machine_another()
    {
        ProfiledMachine machine = ProfileSamples.Whole.Machine;
        string[] places = [.. new[] { machine, machine with { Threads = 1 }, machine with { Device = "cuda:0" }, machine with { Model = "B" }, machine with { Libtorch = "2.11.0" } }.Select(ProfileStore.PathOf)];
        Assert.Equal(places.Length, places.Distinct().Count());
        Assert.Equal(places[0], ProfileStore.PathOf(machine with { MemoryBytes = 1, System = "another kernel" }));
        Assert.Null(machine.DifferenceTo(machine with { MemoryBytes = 1, System = "another kernel" }));
    }
}
