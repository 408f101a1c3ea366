namespace Mazij.Configuration;

/// <summary>
/// How a model is trained. The optimiser's defaults are the recipe of the Ling technical report (arXiv 2503.05139,
/// section 3.4); sizes and intervals suit a small machine.
/// </summary>
public sealed record TrainingConfig : ICheckedSection
{
    /// <summary>Decides initial weights, the order of the data and every random choice: one seed, one result.</summary>
    [Range(0)]
    public long Seed { get; init; } = 1234;

    /// <summary>Where to compute: cpu, cuda:0, mps, xpu:0, npu:0, or libtorch's name for another device.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Number format of forward and backward: auto (the faster), bf16 or fp32.</summary>
    public Precision Dtype { get; init; } = Precision.Auto;

    /// <summary>CPU threads; 0 uses all cores. Results repeat bit by bit for one thread count.</summary>
    [Range(0, 4096)]
    public int Threads { get; init; }

    /// <summary>Tokens of one sequence: 256 to 1024 for a small model, 4096 in the report.</summary>
    [Range(2, 1 << 24)]
    public int SequenceLength { get; init; } = 512;

    /// <summary>Sequences of one forward and backward pass: as many as fit in memory; 1 to 32.</summary>
    [Range(1, 1 << 20)]
    public int MicroBatchSize { get; init; } = 4;

    /// <summary>Sequences of one optimiser step, a multiple of micro_batch_size: 16 to 64 for a small model, 2560 to
    /// 8960 in the report.</summary>
    [Range(1, 1 << 24)]
    public int GlobalBatchSize { get; init; } = 16;

    /// <summary>A smaller batch at the start; null begins with global_batch_size.</summary>
    public BatchWarmupConfig? BatchWarmup { get; init; }

    /// <summary>Longer sequences at the end; null keeps sequence_length.</summary>
    public LongContextConfig? LongContext { get; init; }

    /// <summary>What layers keep of the forward pass for the backward pass. none: everything, the fastest; selective: about half
    /// of the activations' memory for a seventh more time; full: less than a third of it for about a fourth more time. The
    /// gradients are the same.</summary>
    public ActivationCheckpointing ActivationCheckpointing { get; init; }

    /// <summary>When the run ends.</summary>
    public StopConfig Stop { get; init; } = new();

    /// <summary>Steps between evaluations on the validation text; 0 evaluates only at the end.</summary>
    [Range(0)]
    public long EvaluateEvery { get; init; } = 100;

    /// <summary>Validation tokens of one evaluation: 10^5 gives the loss to about 0.01.</summary>
    [Range(1)]
    public long EvaluateTokens { get; init; } = 131_072;

    /// <summary>Steps between checkpoints: a few minutes of work; 0 saves only at the end.</summary>
    [Range(0)]
    public long CheckpointEvery { get; init; } = 500;

    /// <summary>Newest checkpoints to keep, beside the best.</summary>
    [Range(1, 100_000)]
    public int KeepCheckpoints { get; init; } = 2;

    /// <summary>Peak learning rate: 2.4e-4 for a large model, up to 3e-3 for a few million parameters.</summary>
    [Range(0, 1, AboveMinimum = true)]
    public double LearningRate { get; init; } = 2.4e-4;

    /// <summary>Floor of the learning rate after warm-up, whatever the schedule says.</summary>
    [Range(0, 1)]
    public double MinimumLearningRate { get; init; }

    /// <summary>How the learning rate moves over the run.</summary>
    public ScheduleConfig Schedule { get; init; } = new();

    /// <summary>AdamW's decay of the mean of the gradient.</summary>
    [Range(0, 1, BelowMaximum = true)]
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>AdamW's decay of the mean of the squared gradient.</summary>
    [Range(0, 1, BelowMaximum = true)]
    public double AdamBeta2 { get; init; } = 0.95;

    /// <summary>Added to AdamW's denominator.</summary>
    [Range(0, 1, AboveMinimum = true)]
    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Decoupled weight decay, on matrices only, multiplied by the learning rate.</summary>
    [Range(0, 100)]
    public double WeightDecay { get; init; } = 0.1;

    /// <summary>Gradients are scaled down to this L2 norm over all parameters.</summary>
    [Range(0, AboveMinimum = true)]
    public double MaxGradNorm { get; init; } = 1.0;

    /// <summary>What is done about loss spikes.</summary>
    public SpikeGuardConfig SpikeGuard { get; init; } = new();

    /// <summary>Weight of the balance loss, experts x sum of (load fraction x mean probability): 0.001 to
    /// 0.02.</summary>
    [Range(0)]
    public double BalanceLossCoefficient { get; init; } = 0.015;

    /// <summary>Weight of the router's z-loss, the mean squared log-sum-exp of its logits: 1e-4 to 1e-3.</summary>
    [Range(0)]
    public double ZLossCoefficient { get; init; } = 1e-4;

    /// <summary>Steps during which router logits are blended with noise of their own mean and spread, so that all
    /// experts are tried: 0 is off; some tens to hundreds.</summary>
    [Range(0)]
    public int RoutingWarmupSteps { get; init; }

    /// <summary>Step by which a sigmoid router's expert biases move towards balance.</summary>
    [Range(0, 1)]
    public double ExpertBiasUpdateRate { get; init; } = 1e-3;

    /// <summary>Steps between progress lines.</summary>
    [Range(1)]
    public long LogEvery { get; init; } = 1;

    /// <summary>Texts the model continues before the first step, half-way and at each evaluation, to show what it has learnt.</summary>
    public IReadOnlyList<string> SamplePrompts { get; init; } = [];

    /// <summary>Tokens written for each sample prompt: 32 to 256.</summary>
    [Range(1, 1 << 20)]
    public int SampleTokens { get; init; } = 64;

    IEnumerable<(string Key, string Problem)> ICheckedSection.FindProblems()
    {
        if (GlobalBatchSize % MicroBatchSize != 0)
        {
            long multiple = ((long)GlobalBatchSize + MicroBatchSize - 1) / MicroBatchSize * MicroBatchSize;
            yield return ("global_batch_size",
                $"{GlobalBatchSize} is not a multiple of micro_batch_size {MicroBatchSize}; {multiple} would be");
        }
        if (BatchWarmup is { From: var first })
        {
            if (first % MicroBatchSize != 0)
                yield return ("batch_warmup.from", $"{first} is not a multiple of micro_batch_size {MicroBatchSize}");
            if (first > GlobalBatchSize)
                yield return ("batch_warmup.from", $"{first} is above global_batch_size {GlobalBatchSize}");
        }
        if (LongContext is { SequenceLength: int longer, MicroBatchSize: var rows })
        {
            if (longer <= SequenceLength || longer % SequenceLength != 0)
                yield return ("long_context.sequence_length", $"{longer} is not a multiple of training.sequence_length {SequenceLength}");
            else if (GlobalBatchSize % (longer / SequenceLength * (long)rows) != 0)
            {
                yield return ("long_context.micro_batch_size",
                    $"a step of {GlobalBatchSize} x {SequenceLength} tokens cannot be cut into micro-batches of {rows} x {longer}; " +
                    $"make global_batch_size a multiple of {longer / SequenceLength * (long)rows}");
            }
        }
        if (MinimumLearningRate > LearningRate)
        {
            yield return ("minimum_learning_rate",
                $"{Shown(MinimumLearningRate)} is above learning_rate {Shown(LearningRate)}");
        }
        if (Schedule.AnnealFrom is not null && Schedule.AnnealTo > LearningRate)
        {
            yield return ("schedule.anneal_to",
                $"{Shown(Schedule.AnnealTo)} is above learning_rate {Shown(LearningRate)}");
        }
        if (string.IsNullOrWhiteSpace(Device))
            yield return ("device", "is empty; name a device, for example cpu or cuda:0");
    }

    private static string Shown(double value) => ScalarText.Format(value).Text;
}
