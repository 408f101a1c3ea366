namespace Mazij.Planning;

/// <summary>Devices of one kind that may be used.</summary>
/// <param name="Device">The kind.</param>
/// <param name="Available">How many there are.</param>
internal sealed record DeviceOffer(PlannedDevice Device, int Available);

/// <summary>What a plan has to keep to.</summary>
/// <param name="Hours">The run has to be done in these; null for any time.</param>
/// <param name="Budget">It may cost this, in the plan's currency; null for any sum.</param>
internal sealed record PlanLimits(double? Hours, double? Budget);

/// <summary>A question to the planner.</summary>
/// <param name="Shape">The model.</param>
/// <param name="Workload">What is trained.</param>
/// <param name="Offers">The devices.</param>
/// <param name="Precisions">Number formats that may be used.</param>
/// <param name="Limits">What the plan has to keep to.</param>
/// <param name="Assumptions">What is assumed.</param>
internal sealed record PlanRequest(
    ModelShape Shape, Workload Workload, IReadOnlyList<DeviceOffer> Offers, IReadOnlyList<PlanPrecision> Precisions, PlanLimits Limits,
    PlanAssumptions Assumptions);
