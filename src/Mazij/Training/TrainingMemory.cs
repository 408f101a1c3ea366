using Mazij.Configuration;
using Mazij.Models;
using static TorchSharp.torch;

namespace Mazij.Training;

/// <summary>The most memory that a training process takes, predicted before it takes any, in bytes.</summary>
/// <param name="Parameters">Weights, master weights, gradients, moments.</param>
/// <param name="Activations">What forward and backward pass take beside.</param>
/// <param name="Snapshot">A copy of master weights and moments from which a checkpoint is written while training goes on; 0 if
/// it is written between steps.</param>
/// <param name="Data">The ids of a step, and what it takes to find text that several sources share. Token shards are mapped: the
/// system takes their pages back when it needs them.</param>
/// <param name="Program">.NET, libtorch, compiled kernels, gaps between blocks.</param>
internal sealed record TrainingMemory(ModelMemory Parameters, ActivationMemory Activations, long Snapshot, long Data, long Program)
{
    // A hash and its links, 36 bytes in a table that may have twice the room and is copied while it grows, beside the list of the
    // source in hand (SharedText).
    private const long BytesPerSharedDocument = 3 * 36 + 3 * 16;

    // Resident in a process that trains next to nothing; the same to a few MiB in fp32 and bf16.
    private const long ProgramBytes = 245L << 20;

    // Blocks of many sizes come and go, with small ones that stay between them, so that some of what they leave is too small for the
    // next. Free pages go back to the system only now and then (FreePageReturn). Measured over runs of unlike shapes: 5 to 35 percent.
    private const double Gaps = 0.25;

    /// <summary>Everything together.</summary>
    public long Total => Parameters.Total + Activations.Total + Snapshot + Data + Program;

    /// <summary>Predicts it.</summary>
    /// <param name="model">The model.</param>
    /// <param name="type">The compute dtype.</param>
    /// <param name="training">Batch, sequence, checkpointing.</param>
    /// <param name="threads">CPU threads.</param>
    /// <param name="snapshot">Whether checkpoints are written from a copy in memory.</param>
    /// <param name="sharedDocuments">Documents of all sources, if there are several.</param>
    public static TrainingMemory Of(
        ModelConfig model, ScalarType type, TrainingConfig training, int threads, bool snapshot = false, long sharedDocuments = 0)
    {
        ModelMemory parameters = ModelMemory.OfTraining(model, type);
        // Master weights are as many bytes as gradients, whatever holds them.
        long copied = snapshot ? parameters.Gradients + parameters.Moments : 0;
        ActivationMemory activations = ActivationMemory.Of(model, type, training, threads);
        long ids = (long)training.GlobalBatchSize * (training.SequenceLength + 1) * sizeof(long);
        return new TrainingMemory(
            parameters, activations, copied, ids + sharedDocuments * BytesPerSharedDocument, ProgramBytes + (long)(Gaps * activations.Total));
    }

    /// <summary>The nearest settings that fit: the largest smaller micro-batches; and the first mode that computes more
    /// activations again, at the same micro-batch if there is one, else at the largest that fits the most frugal mode.</summary>
    /// <param name="training">What does not fit.</param>
    /// <param name="total">The memory of other settings.</param>
    /// <param name="available">Bytes that there are.</param>
    /// <returns>None, one or two.</returns>
    public static IReadOnlyList<TrainingConfig> Remedies(TrainingConfig training, Func<TrainingConfig, long> total, long available)
    {
        List<TrainingConfig> found = [];
        if (LargestBatch(training, total, available) is TrainingConfig smaller)
            found.Add(smaller);
        TrainingConfig[] thriftier =
        [
            .. Enum.GetValues<ActivationCheckpointing>()
                .Where(mode => mode > training.ActivationCheckpointing)
                .Select(mode => training with { ActivationCheckpointing = mode }),
        ];
        TrainingConfig? recomputing = Array.Find(thriftier, other => total(other) <= available);
        if (recomputing is null && thriftier.Length > 0)
            recomputing = LargestBatch(thriftier[^1], total, available);
        // Computing again is no remedy where it takes as small a batch as without.
        if (recomputing is not null && (found.Count == 0 || HasLargerBatch(recomputing, found[0])))
            found.Add(recomputing);
        return found;
    }

    private static bool HasLargerBatch(TrainingConfig one, TrainingConfig other) =>
        one.MicroBatchSize > other.MicroBatchSize || one.LongContext?.MicroBatchSize > other.LongContext?.MicroBatchSize;

    /// <summary>The largest micro-batches that fit, none larger than now; null if none do.</summary>
    private static TrainingConfig? LargestBatch(TrainingConfig training, Func<TrainingConfig, long> total, long available)
    {
        TrainingConfig? first = Sizes(training.MicroBatchSize)
            .Where(size => training.GlobalBatchSize % size == 0 && (training.BatchWarmup?.From ?? 0) % size == 0)
            .Select(size => training with { MicroBatchSize = size, LongContext = null })
            .FirstOrDefault(smaller => total(smaller) <= available);
        if (first is null || training.LongContext is not { SequenceLength: int length } phase)
            return first;
        int block = length / training.SequenceLength;
        return Sizes(phase.MicroBatchSize)
            .Where(size => training.GlobalBatchSize % ((long)block * size) == 0)
            .Select(size => first with { LongContext = phase with { MicroBatchSize = size } })
            .FirstOrDefault(smaller => total(smaller) <= available);
    }

    private static IEnumerable<int> Sizes(int largest) => Enumerable.Range(0, largest).Select(less => largest - less);
}
