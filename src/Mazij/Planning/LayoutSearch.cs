namespace Mazij.Planning;

/// <summary>Which layouts a search looks at.</summary>
/// <param name="LargestTensorParallel">Devices that split a matrix at most; beyond a node it does not pay.</param>
/// <param name="Precisions">Number formats.</param>
/// <param name="MicroBatches">Sizes of micro-batches.</param>
/// <param name="Stages">What data parallelism may shard.</param>
/// <param name="Recomputations">What may be computed again.</param>
internal sealed record LayoutSpace(
    int LargestTensorParallel, IReadOnlyList<PlanPrecision> Precisions, IReadOnlyList<int> MicroBatches, IReadOnlyList<ZeroStage> Stages,
    IReadOnlyList<PlanRecomputation> Recomputations)
{
    /// <summary>All that is usual.</summary>
    public static LayoutSpace Usual(PlannedDevice device, IReadOnlyList<PlanPrecision> precisions) => new(
        Math.Min(8, device.NodeSize), [.. precisions.Where(device.Computes)], [1, 2, 4, 8], [ZeroStage.Optimizer, ZeroStage.Weights],
        [PlanRecomputation.None, PlanRecomputation.Selective, PlanRecomputation.Full]);
}

/// <summary>
/// Every sensible layout of a model over devices of one kind: tensor parallelism within a node, stages that the layers fill, experts
/// spread over ranks of a stage, replicas that divide the batch. What does not fit in memory is left out before its time is computed.
/// </summary>
internal sealed class LayoutSearch(ModelShape shape, PlannedDevice device, Workload workload, PlanAssumptions assumptions, LayoutSpace space)
{
    private readonly StepModel model = new(shape, device, workload.SequenceLength, assumptions);

    /// <summary>The least memory that any layout on the most devices takes, bytes; says what is short where none fits.</summary>
    public double LeastMemory { get; private set; } = double.PositiveInfinity;

    /// <summary>Layouts whose time was computed.</summary>
    public long Evaluated { get; private set; }

    /// <summary>Plans on at most so many devices, the fastest for each number of devices.</summary>
    /// <param name="mostDevices">Devices that there are.</param>
    /// <param name="exactly">Whether all of them have to be used.</param>
    public IReadOnlyList<TrainingPlan> Run(int mostDevices, bool exactly)
    {
        Dictionary<int, TrainingPlan> best = [];
        foreach (ParallelLayout layout in Layouts(mostDevices, exactly))
        {
            double microBatches = workload.MicroBatches(layout);
            double memory = DeviceMemoryPlan.Of(shape, layout, workload.SequenceLength, microBatches, assumptions).Total;
            LeastMemory = Math.Min(LeastMemory, memory);
            if (memory > device.MemoryBytes)
                continue;
            Evaluated++;
            StepTime step = model.Of(layout, microBatches);
            if (best.TryGetValue(layout.Devices, out TrainingPlan? other) && other.Step.Total <= step.Total)
                continue;
            best[layout.Devices] = TrainingPlan.Of(shape, model, device, layout, workload, assumptions);
        }
        return [.. best.Values.OrderBy(plan => plan.Devices)];
    }

    private IEnumerable<ParallelLayout> Layouts(int mostDevices, bool exactly)
    {
        int[] replicas = Divisors(workload.GlobalBatch);
        foreach (int tensor in Powers(space.LargestTensorParallel).Where(size => shape.NumAttentionHeads % size == 0))
        {
            foreach (int stages in StageCounts().Where(stages => (long)stages * tensor <= mostDevices))
            {
                foreach (int context in Powers(LargestContextParallel).Where(context => (long)context * stages * tensor <= mostDevices))
                {
                    foreach (int data in replicas.Where(data => (long)data * context * stages * tensor <= mostDevices))
                    {
                        int devices = data * context * stages * tensor;
                        // Whole nodes, or a part of one.
                        if ((exactly && devices != mostDevices) || (devices > device.NodeSize && devices % device.NodeSize != 0))
                            continue;
                        ParallelLayout layout = new() { TensorParallel = tensor, ContextParallel = context, PipelineParallel = stages, DataParallel = data };
                        foreach (ParallelLayout each in WithExperts(layout))
                            yield return each;
                    }
                }
            }
        }
    }

    /// <summary>Long sequences may be split, down to 4,096 tokens.</summary>
    private int LargestContextParallel => Math.Max(1, workload.SequenceLength / 4096);

    private IEnumerable<ParallelLayout> WithExperts(ParallelLayout basis)
    {
        foreach (int expert in shape.NumExperts == 0 ? [1] : Powers(Math.Min(shape.NumExperts, basis.StageDevices)))
        {
            if (basis.StageDevices % expert != 0 || (shape.NumExperts > 0 && shape.NumExperts % expert != 0))
                continue;
            foreach (int microBatch in space.MicroBatches)
            {
                if (workload.GlobalBatch % (basis.DataParallel * microBatch) != 0)
                    continue;
                foreach (ZeroStage zero in space.Stages)
                {
                    // Gathering the weights for every micro-batch of a pipeline does not pay.
                    if (zero == ZeroStage.Weights && basis.PipelineParallel > 1)
                        continue;
                    foreach (PlanRecomputation again in space.Recomputations)
                    {
                        foreach (PlanPrecision precision in space.Precisions)
                        {
                            yield return basis with
                            {
                                ExpertParallel = expert,
                                MicroBatch = microBatch,
                                Zero = zero,
                                Recomputation = again,
                                Precision = precision,
                                VirtualStages = ChunksOf(basis.PipelineParallel, workload.GlobalBatch / (basis.DataParallel * microBatch)),
                            };
                        }
                    }
                }
            }
        }
    }

    /// <summary>The interleaved schedule needs a multiple of the stages as micro-batches; chunks of about two layers.</summary>
    private int ChunksOf(int stages, int microBatches) =>
        stages == 1 || microBatches % stages != 0 ? 1 : Math.Clamp(shape.NumHiddenLayers / stages / 2, 1, 8);

    /// <summary>Numbers of stages that leave no stage more than an eighth emptier than the fullest.</summary>
    private IEnumerable<int> StageCounts()
    {
        for (int stages = 1; stages <= Math.Min(shape.NumHiddenLayers, 128); stages++)
        {
            double fullest = Math.Ceiling(shape.NumHiddenLayers / (double)stages);
            if (shape.NumHiddenLayers / (fullest * stages) >= 0.875)
                yield return stages;
        }
    }

    private static IEnumerable<int> Powers(int most)
    {
        for (int power = 1; power <= most; power *= 2)
            yield return power;
    }

    private static int[] Divisors(int number) => [.. Enumerable.Range(1, number).Where(each => number % each == 0)];
}
