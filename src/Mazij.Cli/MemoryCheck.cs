using Mazij.Configuration;
using Mazij.Devices;
using Mazij.Models;
using Mazij.Training;
using TorchSharp;

namespace Mazij.Cli;

/// <summary>Refuses what this machine's memory cannot hold, before anything is allocated. Other devices than the CPU do not
/// tell how much memory they have, and say it themselves when it is full.</summary>
internal static class MemoryCheck
{
    private const string Force = "--force";

    /// <summary>Compares what a model in inference needs with what this process may have.</summary>
    /// <param name="source">What asks for the memory, for the message.</param>
    /// <param name="bytes">Bytes needed.</param>
    /// <param name="device">Where.</param>
    /// <exception cref="InputException">It cannot fit.</exception>
    public static void Require(string source, long bytes, DeviceName device)
    {
        long available = AvailableMemory.ForThisProcess();
        if (device.IsCpu && bytes > available)
        {
            throw new InputException(
                $"{source}: the model's tensors need {Quantity.Bytes(bytes)}, there are {Quantity.Bytes(available)}; take a smaller model or another device");
        }
    }

    /// <summary>Compares the predicted peak of a training with what this process may have.</summary>
    /// <param name="source">The run file, for the message.</param>
    /// <param name="model">The model.</param>
    /// <param name="type">The compute dtype.</param>
    /// <param name="training">Batch, sequence, checkpointing.</param>
    /// <param name="sharedDocuments">Documents of all sources, if there are several.</param>
    /// <param name="forced">Whether to go on all the same, with a warning on standard error; null where there is no such
    /// option.</param>
    /// <exception cref="InputException">It cannot fit; the message says what would.</exception>
    public static void RequireTraining(
        string source, ModelConfig model, torch.ScalarType type, TrainingConfig training, long sharedDocuments = 0, bool? forced = null)
    {
        if (!DeviceName.Parse(training.Device).IsCpu || ProblemOf(model, type, training, AvailableMemory.ForThisProcess(), sharedDocuments) is not string problem)
            return;
        if (forced == true)
            Console.Error.WriteLine($"mazij: {source}: {problem}; going on because of {Force}");
        else
            throw new InputException($"{source}: {problem}{(forced is null ? "" : $"; {Force} tries all the same")}");
    }

    /// <summary>What to say when memory ran out during a run all the same.</summary>
    /// <param name="source">The run file.</param>
    /// <param name="model">The model.</param>
    /// <param name="type">The compute dtype.</param>
    /// <param name="training">Batch, sequence, checkpointing.</param>
    /// <param name="folder">The run's folder.</param>
    /// <param name="error">What was thrown.</param>
    public static InputException RanOut(
        string source, ModelConfig model, torch.ScalarType type, TrainingConfig training, RunFolder folder, Exception error)
    {
        long predicted = TrainingMemory.Of(model, type, training, torch.get_num_threads()).Total;
        string change = training.ActivationCheckpointing != ActivationCheckpointing.Full ? "set training.activation_checkpointing=full"
            : training.MicroBatchSize > 1 ? "lower training.micro_batch_size"
            : "shorten training.sequence_length or train a smaller model";
        List<long> checkpoints = folder.Checkpoints.Steps();
        string resume = checkpoints.Count == 0
            ? "there is no checkpoint yet"
            : $"the last checkpoint is {folder.Checkpoints.PathOf(checkpoints[^1])}, which mazij train --resume {folder.Path} goes on from";
        return new InputException(
            $"{source}: memory ran out in training, which was predicted to need {Quantity.Bytes(predicted)}; {change}, or end other programs; {resume}", error);
    }

    /// <summary>What is wrong and what would fit, in one line; null if it fits.</summary>
    internal static string? ProblemOf(ModelConfig model, torch.ScalarType type, TrainingConfig training, long available, long sharedDocuments = 0)
    {
        int threads = torch.get_num_threads();
        TrainingMemory Needed(TrainingConfig other) => TrainingMemory.Of(model, type, other, threads, sharedDocuments: sharedDocuments);
        TrainingMemory needed = Needed(training);
        if (needed.Total <= available)
            return null;
        string parts = $"{Quantity.Bytes(needed.Parameters.Total)} for weights, gradients and moments, {Quantity.Bytes(needed.Activations.Total)} for activations";
        string[] remedies =
        [
            .. TrainingMemory.Remedies(training, other => Needed(other).Total, available)
                .Select(fitting => Difference(training, fitting)),
        ];
        string advice = remedies.Length > 0 ? "what fits is " + string.Join(", or ", remedies)
            : LargestPreset(type, training, threads, available) is string preset ? $"no batch of this model fits; the preset {preset} would"
            : "nothing that Mazij can train fits; free some memory";
        return $"training needs {Quantity.Bytes(needed.Total)} at its peak ({parts}), there are {Quantity.Bytes(available)}; {advice}";
    }

    private static string Difference(TrainingConfig asked, TrainingConfig fitting)
    {
        List<string> changes = [];
        if (fitting.ActivationCheckpointing != asked.ActivationCheckpointing)
            changes.Add($"training.activation_checkpointing: {ScalarNames.Of(fitting.ActivationCheckpointing)}");
        if (fitting.MicroBatchSize != asked.MicroBatchSize)
            changes.Add($"training.micro_batch_size: {fitting.MicroBatchSize}");
        if (fitting.LongContext?.MicroBatchSize is int rows && rows != asked.LongContext?.MicroBatchSize)
            changes.Add($"training.long_context.micro_batch_size: {rows}");
        return string.Join(" with ", changes);
    }

    private static string? LargestPreset(torch.ScalarType type, TrainingConfig training, int threads, long available) => ModelPresets.Names
        .Select(name => (Name: name, Model: ModelPresets.Find(name)!))
        .Where(preset => training.SequenceLength <= preset.Model.MaxPositionEmbeddings)
        .Where(preset => TrainingMemory.Of(preset.Model, type, training, threads).Total <= available)
        .OrderByDescending(preset => ModelCost.Of(preset.Model).TotalParameters)
        .Select(preset => preset.Name)
        .FirstOrDefault();
}
