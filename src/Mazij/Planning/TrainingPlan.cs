namespace Mazij.Planning;

/// <summary>One way to train a model on devices of one kind: how long it takes and what it costs.</summary>
/// <param name="Device">The devices.</param>
/// <param name="Layout">How the run is laid out over them.</param>
/// <param name="Step">Time of a step.</param>
/// <param name="Memory">Memory of the fullest device.</param>
/// <param name="TokensPerStep">Tokens of a step.</param>
/// <param name="FlopsPerToken">Model FLOPs of training on one token.</param>
/// <param name="Tokens">Tokens of the run.</param>
/// <param name="Failures">What failures cost.</param>
/// <param name="OtherShare">Share of the time for what else is not training.</param>
internal sealed record TrainingPlan(
    PlannedDevice Device, ParallelLayout Layout, StepTime Step, DeviceMemoryPlan Memory, double TokensPerStep, double FlopsPerToken,
    double Tokens, FailureModel Failures, double OtherShare)
{
    /// <summary>Devices.</summary>
    public int Devices => Layout.Devices;

    /// <summary>Tokens a second of all devices while they train.</summary>
    public double TokensPerSecond => TokensPerStep / Step.Total;

    /// <summary>Model FLOP/s of one device, of its peak in the plan's format.</summary>
    public double Mfu => TokensPerSecond * FlopsPerToken / Devices / Device.PeakFlops[Layout.Precision];

    /// <summary>Share of the time in which the run goes on.</summary>
    public double Goodput => (1 - Failures.LostShare) * (1 - OtherShare);

    /// <summary>Hours of the whole run.</summary>
    public double Hours => Tokens / (TokensPerSecond * Goodput) / 3600;

    /// <summary>Hours of all devices together.</summary>
    public double DeviceHours => Hours * Devices;

    /// <summary>What they cost; null without a price.</summary>
    public double? Cost => DeviceHours * Device.PricePerHour;

    /// <summary>Energy of the devices, kWh; null if their power is not known.</summary>
    public double? KilowattHours => DeviceHours * Device.Watts / 1000;

    /// <summary>Plans a run.</summary>
    /// <param name="shape">The model.</param>
    /// <param name="model">Times of its steps on the device.</param>
    /// <param name="device">The devices.</param>
    /// <param name="layout">The layout.</param>
    /// <param name="workload">What is trained.</param>
    /// <param name="assumptions">What is assumed.</param>
    public static TrainingPlan Of(
        ModelShape shape, StepModel model, PlannedDevice device, ParallelLayout layout, Workload workload, PlanAssumptions assumptions)
    {
        double microBatches = workload.MicroBatches(layout);
        double checkpoint = shape.TotalParameters * (4 + assumptions.MomentBytes);
        return new TrainingPlan(
            device, layout, model.Of(layout, microBatches),
            DeviceMemoryPlan.Of(shape, layout, workload.SequenceLength, microBatches, assumptions),
            (double)workload.GlobalBatch * workload.SequenceLength, shape.TrainingFlopsPerToken(workload.SequenceLength), workload.Tokens,
            FailureModel.Of(layout.Devices, checkpoint, assumptions), assumptions.OtherShare);
    }
}

/// <summary>What is trained.</summary>
/// <param name="Tokens">Tokens of the run.</param>
/// <param name="SequenceLength">Tokens of a sequence.</param>
/// <param name="GlobalBatch">Sequences of a step.</param>
internal sealed record Workload(double Tokens, int SequenceLength, int GlobalBatch)
{
    /// <summary>Micro-batches of a step on each replica.</summary>
    public double MicroBatches(ParallelLayout layout) => GlobalBatch / ((double)layout.DataParallel * layout.MicroBatch);
}
