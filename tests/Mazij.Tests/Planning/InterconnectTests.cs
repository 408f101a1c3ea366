using CsCheck;
using Mazij.Planning;

namespace Mazij.Tests.Planning;

public sealed class InterconnectTests
{
    private readonly Interconnect wires = new(PlanWorld.Device);

    [Fact]
    public void Within_a_node_the_links_count() => Assert.Equal(8e9 * 7 / 8 / 1e11, wires.AllGather(8e9, 8), 1e-12);

    [Fact]
    public void Between_nodes_each_member_of_a_node_brings_its_own_port()
    {
        // Four nodes of eight: an eighth of three quarters over each port, then seven eighths over the links.
        Assert.Equal(8e9 / 8 * 3 / 4 / 1e10 + 8e9 * 7 / 8 / 1e11, wires.AllGather(8e9, 32), 1e-12);
        // With tensor parallelism of eight inside, each member is alone in its node.
        Assert.Equal(8e9 * 3 / 4 / 1e10, wires.AllGather(8e9, 4, stride: 8), 1e-12);
    }

    [Fact]
    public void A_group_of_one_exchanges_nothing()
    {
        Assert.Equal(0, wires.AllGather(1e9, 1));
        Assert.Equal(0, wires.AllToAll(1e9, 1, 1, 4, 0));
    }

    [Fact]
    public void A_token_crosses_the_network_once_for_each_node_it_goes_to()
    {
        // One expert of two nodes: half of the tokens cross.
        Assert.Equal(16e9 / 2 / 1e10, wires.AllToAll(16e9, 16, 1, copies: 1, 0), 1e-12);
        // Very many experts lie on both nodes: each token crosses once, whatever the number of its copies.
        Assert.Equal(16e9 / 100 / 1e10 + 0, wires.AllToAll(16e9, 16, 1, copies: 100, 0) - 0, 0.2);
        // Node-limited routing crosses to fewer.
        Assert.True(wires.AllToAll(64e9, 64, 1, copies: 8, nodesPerToken: 2) < wires.AllToAll(64e9, 64, 1, copies: 8, nodesPerToken: 0));
    }

    [Fact]
    public void More_bytes_never_take_less_time_and_a_stride_never_more_links() => Gen.Select(Gen.Double[1, 1e12], Gen.Double[1, 4], Gen.Int[1, 512]).Sample(
        (bytes, factor, group) => wires.AllGather(bytes * factor, group) >= wires.AllGather(bytes, group)
            && wires.AllToAll(bytes * factor, group, 1, 4, 0) >= wires.AllToAll(bytes, group, 1, 4, 0)
            && wires.AllGather(bytes, group, stride: 8) >= 0.999 * wires.AllGather(bytes, group));
}
