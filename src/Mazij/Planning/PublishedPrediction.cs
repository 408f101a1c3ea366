using Mazij.Devices.Catalogue;

namespace Mazij.Planning;

/// <summary>A published run and what the planner says of it.</summary>
/// <param name="Run">The run.</param>
/// <param name="Shape">Its model.</param>
/// <param name="Plan">The plan.</param>
/// <param name="Published">Tokens a second of one device as published.</param>
/// <param name="Predicted">The same as predicted; of whole runs, with what failures and the rest cost.</param>
internal sealed record PublishedPrediction(PublishedRun Run, ModelShape Shape, TrainingPlan Plan, double Published, double Predicted)
{
    // Bytes over those of fused kernels: every operator reads and writes its whole result, in fp32 twice the bytes. docs/planning.md
    // counts them from the operators of an RMSNorm, a rotation and a SwiGLU.
    private const double Eager = 3, EagerFp32 = 7;

    private const double HiddenExperts = 0.6;

    /// <summary>Predicted over published, less one.</summary>
    public double Error => Predicted / Published - 1;

    /// <summary>The same of the memory; null where none is published.</summary>
    public double? MemoryError => Run.MemoryGib is double gib ? Plan.Memory.Total / (gib * (1L << 30)) - 1 : null;

    /// <summary>Predicts all runs of a file.</summary>
    /// <param name="runs">The runs.</param>
    /// <param name="catalogue">Their devices.</param>
    /// <param name="assumptions">What is assumed of every run.</param>
    /// <exception cref="InputException">A device is not known, or a figure of it.</exception>
    public static IReadOnlyList<PublishedPrediction> OfAll(PublishedRuns runs, DeviceCatalogue catalogue, PlanAssumptions assumptions) =>
    [
        .. runs.Runs.Select(run => Of(run, runs.Models.Find(run.Model)!, PlannedDevices.Of(catalogue.Find(run.Device), run.Devices), assumptions)),
    ];

    /// <summary>Predicts a run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="shape">Its model.</param>
    /// <param name="device">Its devices.</param>
    /// <param name="assumptions">What is assumed of every run.</param>
    /// <exception cref="InputException">No layout fits.</exception>
    public static PublishedPrediction Of(PublishedRun run, ModelShape shape, PlannedDevice device, PlanAssumptions assumptions)
    {
        PlanAssumptions own = assumptions with
        {
            ElementwiseFactor = run.Elementwise switch
            {
                ElementwiseStyle.EagerFp32 => EagerFp32,
                ElementwiseStyle.Eager => Eager,
                _ => assumptions.ElementwiseFactor,
            },
            ExpertImbalance = run.Balanced ? 1 : assumptions.ExpertImbalance,
            ExpertOverlap = run.OverlappedExperts ? HiddenExperts : assumptions.ExpertOverlap,
            ChunkedLogits = !run.WholeLogits,
            UnfusedAttention = run.UnfusedAttention,
        };
        Workload workload = new(run.Tokens ?? (double)run.GlobalBatch * run.SequenceLength, run.SequenceLength, run.GlobalBatch);
        TrainingPlan plan = run.Layout is ParallelLayout layout
            ? TrainingPlan.Of(
                shape, new StepModel(shape, device, run.SequenceLength, own), device,
                layout with { DataParallel = run.Devices / (layout.TensorParallel * layout.ContextParallel * layout.PipelineParallel) }, workload, own)
            : new LayoutSearch(shape, device, workload, own, LayoutSpace.Usual(device, [PlanPrecision.Bf16])).Run(run.Devices, exactly: true)
                .MinBy(found => found.Step.Total) ?? throw new InputException($"{run.Name}: no layout on {run.Devices} {device.Name} fits");
        double speed = plan.TokensPerSecond / plan.Devices * (run.DeviceHours is null ? 1 : plan.Goodput);
        return new PublishedPrediction(run, shape, plan, run.PublishedSpeed(shape), speed);
    }
}
