using Mazij.Devices;
using TorchSharp;

namespace Mazij.Tests.Devices;

public sealed class DeviceTests
{
    [Theory]
    [InlineData("cpu", 0, 0, "cpu")]
    [InlineData(" CPU:0 ", 0, 0, "cpu")]
    [InlineData("cuda", 1, 0, "cuda:0")]
    [InlineData("cuda:7", 1, 7, "cuda:7")]
    [InlineData("rocm:1", 1, 1, "cuda:1")]
    [InlineData("mps", 13, 0, "mps")]
    [InlineData("xpu:0", 12, 0, "xpu:0")]
    [InlineData("npu:3", 20, 3, "npu:3")]
    [InlineData("20:0", 20, 0, "npu:0")]
    [InlineData("6:2", 6, 2, "6:2")]
    public void Names_and_numbers_are_read(string text, int type, int index, string written)
    {
        DeviceName name = DeviceName.Parse(text);
        Assert.Equal(new DeviceName(type, index), name);
        Assert.Equal(written, name.ToString());
        Assert.Equal(name, DeviceName.Parse(written));
        Assert.Equal(type, (int)name.ToTorch().type);
    }

    [Theory]
    [InlineData("cda", "cuda")]
    [InlineData("cup:0", "cpu")]
    [InlineData("tpu-pod", "known are")]
    [InlineData("cuda:", "number from 0 to 127")]
    [InlineData("cuda:x", "number from 0 to 127")]
    [InlineData("cuda:-1", "number from 0 to 127")]
    [InlineData("cuda:128", "number from 0 to 127")]
    [InlineData("cuda:0:1", "number from 0 to 127")]
    [InlineData("cpu:1", "one cpu")]
    [InlineData("21:0", "unknown device '21:0'")]
    [InlineData("", "unknown device ''")]
    [InlineData("99999999999999999999", "unknown device")]
    public void A_wrong_name_is_one_line_that_helps(string text, string expected)
    {
        InputException e = Assert.Throws<InputException>(() => DeviceName.Parse(text));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Theory]
    [InlineData("xpu:0", "--libtorch")]
    [InlineData("npu:0", "--plugin")]
    [InlineData("9:0", "--libtorch")]
    public void A_device_without_a_backend_is_one_line_that_names_it(string text, string remedy)
    {
        if (DeviceList.Find().Devices.Any(d => d.Name == DeviceName.Parse(text)))
            Assert.Skip("this libtorch has such a device");
        InputException e = Assert.Throws<InputException>(() => DeviceName.Parse(text).Open());
        Assert.Contains(DeviceName.Parse(text).ToString(), e.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
        Assert.True(e.Message.Length < 500, e.Message);
    }

    [Fact]
    public void The_cpu_and_the_meta_device_open()
    {
        Assert.Equal(DeviceType.CPU, DeviceName.Cpu.Open().type);
        Assert.Equal(DeviceType.META, DeviceName.Parse("meta").Open().type);
    }

    [Fact]
    public void The_list_begins_with_the_cpu()
    {
        DeviceList list = DeviceList.Find();
        DeviceInfo cpu = list.Devices[0];
        Assert.Equal("cpu", cpu.Name.ToString());
        Assert.NotEmpty(cpu.Model);
        Assert.Equal(Environment.ProcessorCount, cpu.Cores);
        Assert.InRange(cpu.MemoryBytes!.Value, 1L << 26, 1L << 50);
        Assert.Equal(System.Runtime.Intrinsics.X86.Avx2.IsSupported, cpu.Features.Contains("AVX2"));
        Assert.Equal(System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported, cpu.Features.Contains("NEON"));
        if (OperatingSystem.IsLinux() && System.Runtime.Intrinsics.X86.X86Base.IsSupported)
        {
            bool dotProduct = File.ReadAllText("/proc/cpuinfo").Contains("avx512_bf16", StringComparison.Ordinal);
            Assert.Equal(dotProduct, cpu.Features.Contains("bf16 dot product"));
        }
        Assert.Equal(LibTorch.Load().Directory, list.LibTorch.Directory);
        Assert.InRange(list.LibTorch.Threads, 1, 4096);
    }

    [Fact]
    public void Cpuinfo_is_read_by_key()
    {
        string[] lines = ["processor\t: 0", "model name\t: A: B", "", "model name : C"];
        Assert.Equal("A: B", CpuModel.FromCpuInfo(lines, "model name"));
        Assert.Null(CpuModel.FromCpuInfo(lines, "name"));
    }

    [Fact]
    public void The_gemm_rate_is_measured_within_its_budget_and_the_faster_type_stays_what_it_was()
    {
        foreach (torch.ScalarType type in new[] { torch.ScalarType.Float32, torch.ScalarType.BFloat16 })
            Assert.InRange(GemmRate.Measure(torch.CPU, type, TimeSpan.FromMilliseconds(50)), 0.01, 1e7);
        torch.ScalarType faster = GemmRate.FasterType(torch.CPU);
        Assert.Contains(faster, new[] { torch.ScalarType.Float32, torch.ScalarType.BFloat16 });
        Assert.Equal(faster, GemmRate.FasterType(torch.CPU));
    }
}
