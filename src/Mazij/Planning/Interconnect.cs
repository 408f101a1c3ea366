namespace Mazij.Planning;

/// <summary>
/// How long collectives take between equal devices that sit in nodes. Members of a group lie <c>stride</c> ranks apart, so a node
/// holds NodeSize / stride of them. A collective runs on the links inside the nodes and, if the group spans several, on the network
/// between them, where each member brings its own port: n nodes exchange (n-1)/n of the bytes. Both phases are added.
/// </summary>
internal readonly struct Interconnect(PlannedDevice device)
{
    private readonly double link = device.LinkBandwidth * device.Efficiency.Link;
    private readonly double network = device.NetworkBandwidth * device.Efficiency.Network;
    private readonly double hop = device.Efficiency.HopMicroseconds * 1e-6;
    private readonly int nodeSize = device.NodeSize;

    /// <summary>Seconds of an all-gather, or of a reduce-scatter, which is its mirror image.</summary>
    /// <param name="bytes">Bytes of the whole result.</param>
    /// <param name="group">Members.</param>
    /// <param name="stride">Ranks between two members.</param>
    public double AllGather(double bytes, int group, int stride = 1)
    {
        if (group <= 1)
            return 0;
        (double members, double nodes) = Split(group, stride);
        double inside = members > 1 ? bytes * (members - 1) / members / link + hop * Math.Log2(members) : 0;
        double between = nodes > 1 ? bytes / members * (nodes - 1) / nodes / network + hop * Math.Log2(nodes) : 0;
        return inside + between;
    }

    /// <summary>Seconds of an all-to-all.</summary>
    /// <param name="bytes">Bytes that one member has for all.</param>
    /// <param name="group">Members.</param>
    /// <param name="stride">Ranks between two members.</param>
    /// <param name="copies">Copies of a token among these bytes.</param>
    /// <param name="nodesPerToken">Nodes that a token goes to at most, by the router's rule; 0 for no limit.</param>
    public double AllToAll(double bytes, int group, int stride, double copies, int nodesPerToken)
    {
        if (group <= 1)
            return 0;
        (double members, double nodes) = Split(group, stride);
        double inside = bytes * (members - 1) / group;
        double between = 0;
        if (nodes > 1)
        {
            // A token that goes to several experts of a node crosses the network once, and is handed on there: of n nodes, k experts
            // chosen evenly lie on n (1 - (1 - 1/n)^k), if routing is not limited to fewer.
            double reached = nodes * (1 - Math.Pow(1 - 1 / nodes, copies));
            if (nodesPerToken > 0)
                reached = Math.Min(reached, nodesPerToken);
            between = bytes / copies * reached * (1 - 1 / nodes);
            inside += bytes * (1 - members / group);
        }
        return Math.Max(inside / link, between / network) + hop * Math.Log2(group);
    }

    /// <summary>Seconds of sending to the next stage of a pipeline, which lies in another node.</summary>
    public double Send(double bytes) => bytes / network + hop;

    private (double Members, double Nodes) Split(int group, int stride)
    {
        double members = Math.Clamp((double)nodeSize / stride, 1, group);
        return (members, group / members);
    }
}
