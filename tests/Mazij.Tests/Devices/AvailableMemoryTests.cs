using Mazij.Devices;
using Mazij.Tests.Data;

namespace Mazij.Tests.Devices;

public sealed class AvailableMemoryTests
{
    [Fact]
    public void It_is_some_and_no_more_than_the_machine_has() =>
        Assert.InRange(AvailableMemory.ForThisProcess(), 50L << 20, 1L << 50);

    [Theory]
    [InlineData("0::/", "/g")]
    [InlineData("0::/user.slice/job", "/g/user.slice/job", "/g/user.slice", "/g")]
    [InlineData("7:cpu,memory:/docker/x", "/g/memory/docker/x", "/g/memory/docker", "/g/memory")]
    [InlineData("3:cpuset:/docker/x")]
    [InlineData("nonsense")]
    public void Every_control_group_up_to_the_root_counts(string line, params string[] expected) =>
        Assert.Equal(expected, AvailableMemory.ControlGroups([line], "/g").Select(folder => folder.TrimEnd('/')));

    [Theory]
    [InlineData("memory.max", "memory.current", "1000", "400", "anon 1\ninactive_file 150\n", 750L)]
    [InlineData("memory.limit_in_bytes", "memory.usage_in_bytes", "1000", "400", "", 600L)]
    [InlineData("memory.max", "memory.current", "1000", "1200", "", 0L)]
    [InlineData("memory.max", "memory.current", "max", "400", "", null)]
    [InlineData("memory.limit_in_bytes", "memory.usage_in_bytes", "9223372036854771712", "400", "inactive_file 500\n", null)]
    [InlineData("memory.limit_in_bytes", "memory.usage_in_bytes", "1000", "400", "inactive_file 0\ntotal_inactive_file 300\n", 900L)]
    public void A_group_may_take_what_its_limit_leaves(
        string limitFile, string usedFile, string limit, string used, string statistics, long? expected)
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(Path.Combine(folder.Root, limitFile), limit + "\n");
        File.WriteAllText(Path.Combine(folder.Root, usedFile), used + "\n");
        File.WriteAllText(Path.Combine(folder.Root, "memory.stat"), statistics);
        Assert.Equal(expected, AvailableMemory.FreeIn(folder.Root));
    }

    [Fact]
    public void A_group_without_files_has_no_limit()
    {
        using TemporaryFolder folder = new();
        Assert.Null(AvailableMemory.FreeIn(folder.Root));
    }
}
