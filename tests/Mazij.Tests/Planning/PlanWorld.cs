using Mazij.Planning;

namespace Mazij.Tests.Planning;

/// <summary>Made-up devices and models whose plans can be computed by hand.</summary>
internal static class PlanWorld
{
    /// <summary>Rates without small print: full peaks, no launch, no start of a collective.</summary>
    public static Efficiency Ideal { get; } = new()
    {
        Matmul = 1,
        MatmulFp8 = 1,
        Attention = 1,
        Memory = 1,
        Link = 1,
        Network = 1,
        HalfRows = 0,
        HalfColumns = 0,
        HalfDepth = 0,
        LaunchMicroseconds = 0,
        HopMicroseconds = 0,
    };

    /// <summary>100 TFLOP/s, 64 GiB at 1 TB/s, nodes of 8 with links of 100 GB/s and a network of 10 GB/s, 2 an hour.</summary>
    public static PlannedDevice Device { get; } = new(
        "device", new Dictionary<PlanPrecision, double> { [PlanPrecision.Bf16] = 1e14, [PlanPrecision.Fp8] = 2e14 }, 64.0 * (1L << 30), 1e12, 8, 1e11, 1e10,
        500, Ideal)
    {
        PricePerHour = 2,
    };

    /// <summary>A model of 24 layers, 16 experts, 2 per token.</summary>
    public static ModelShape Moe { get; } = new()
    {
        VocabSize = 32000,
        HiddenSize = 2048,
        NumHiddenLayers = 24,
        NumAttentionHeads = 16,
        NumKeyValueHeads = 4,
        NumExperts = 16,
        NumExpertsPerTok = 2,
        NumSharedExperts = 1,
        MoeIntermediateSize = 1408,
    };

    /// <summary>A dense model of 7 B.</summary>
    public static ModelShape Dense { get; } = new()
    {
        VocabSize = 32000,
        HiddenSize = 4096,
        NumHiddenLayers = 32,
        NumAttentionHeads = 32,
        IntermediateSize = 11008,
    };

    /// <summary>Nothing beside kernels and exchange.</summary>
    public static PlanAssumptions Plain { get; } = new()
    {
        ExpertImbalance = 1,
        StragglerPerDoubling = 0,
        HostSeconds = 0,
        OtherShare = 0,
        TensorOverlap = 0,
        DataOverlap = 0,
    };

    /// <summary>A question with one kind of device.</summary>
    public static PlanRequest Request(ModelShape shape, int devices, PlanLimits? limits = null, double tokens = 1e11, int batch = 256) => new(
        shape, new Workload(tokens, 4096, batch), [new DeviceOffer(Device, devices)], [PlanPrecision.Bf16], limits ?? new PlanLimits(null, null), new PlanAssumptions());
}
