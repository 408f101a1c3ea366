using System.IO.Hashing;
using Mazij.Configuration;
using Mazij.Formats.HuggingFace;
using Mazij.Formats.Safetensors;
using Mazij.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Training;

/// <summary>Moves a model and its optimiser to and from checkpoints. Tensors are stored in fp32 under Hugging Face's names,
/// so a checkpoint does not depend on how the model was split or in which dtype it computed.</summary>
internal sealed class ModelCheckpoint(MoeTransformer model, AdamW optimizer, TrainingConfig config, string tokenizerHash)
{
    private const string WeightsFile = "weights.safetensors";
    private const string FirstMomentFile = "first_moment.safetensors", SecondMomentFile = "second_moment.safetensors";

    // The run's model: what the long-context phase makes of it follows from the state of the batches.
    private readonly string modelYaml = YamlWriter.Write(model.Config);

    /// <summary>The state, with the live tensors: the next step changes them.</summary>
    public CheckpointContent Capture(TrainerState trainer, double? validationLoss)
    {
        CheckpointState state = new()
        {
            Version = CheckpointState.CurrentVersion,
            Progress = trainer.Progress,
            ValidationLoss = validationLoss,
            OptimizerUpdates = optimizer.Updates,
            Seed = config.Seed,
            Model = modelYaml,
            Tokenizer = tokenizerHash,
            Batches = trainer.Batches,
            Guard = trainer.Guard,
            Routers = model.RouterStates.ToDictionary(
                pair => pair.Key, pair => new RouterCheckpoint(pair.Value.LogitMean, pair.Value.LogitDeviation)),
            Files = [],
        };
        return new CheckpointContent(
            state, model.Config, model.Parameters.MasterBuffer!, optimizer.FirstMoment, optimizer.SecondMoment,
            model.RouterStates.Where(pair => pair.Value.Bias is not null).ToDictionary(pair => pair.Key, pair => pair.Value.Bias!));
    }

    /// <summary>Writes a checkpoint.</summary>
    public void Save(CheckpointFolder folder, TrainerState trainer, double? validationLoss) =>
        Write(folder, Capture(trainer, validationLoss));

    /// <summary>Writes a captured state; on any thread, if its tensors are copies.</summary>
    public void Write(CheckpointFolder folder, CheckpointContent content) => folder.Write(content.State, BytesOf(content), target =>
    {
        using DisposeScope scope = NewDisposeScope();
        List<WeightSlice> slices = [.. WeightSlice.All(model.Config, model.Parameters.Layout)];
        List<WeightSlice> trained = [.. slices.Where(slice => !slice.IsBuffer)];
        return
        [
            WriteFile(Path.Combine(target, WeightsFile), slices,
                slice => slice.IsBuffer ? content.BiasOf(slice) : RangeOf(content.Weights, slice)),
            WriteFile(Path.Combine(target, FirstMomentFile), trained, slice => RangeOf(content.FirstMoment, slice)),
            WriteFile(Path.Combine(target, SecondMomentFile), trained, slice => RangeOf(content.SecondMoment, slice)),
        ];
    });

    /// <summary>Brings a model folder's weights up to a captured state; the folder must exist.</summary>
    public void Export(string folder, CheckpointContent content)
    {
        using DisposeScope scope = NewDisposeScope();
        HuggingFaceModel.Save(folder, content.Model, model.Parameters.Layout, ElementType.F32,
            slice => slice.IsBuffer ? content.BiasOf(slice) : RangeOf(content.Weights, slice));
    }

    /// <summary>Loads the checkpoint of a step and returns its state.</summary>
    /// <exception cref="InputException">It is damaged, or of another model, data set or seed.</exception>
    public CheckpointState Load(CheckpointFolder folder, long step)
    {
        CheckpointState state = folder.Read(step);
        string path = folder.PathOf(step);
        foreach (string file in (ReadOnlySpan<string>)[WeightsFile, FirstMomentFile, SecondMomentFile])
        {
            if (state.Files.All(described => described.Name != file))
                throw new InputException($"{path}: the checkpoint has no checksum of {file}; it is damaged");
        }
        if (state.Model != modelYaml)
            throw new InputException($"{path}: the checkpoint is of another model ({MessageText.OneLine(FirstDifference(state.Model, modelYaml), 200)}); resume with the model it was made with");
        if (state.Tokenizer != tokenizerHash)
            throw new InputException($"{path}: the checkpoint was trained with another tokenizer; resume with the same data and tokenizer");
        if (state.Seed != config.Seed)
            throw new InputException($"{path}: the checkpoint's seed is {state.Seed}, training.seed is {config.Seed}; resume with the same seed");
        using IDisposable gradientsOff = no_grad();
        ReadFile(Path.Combine(path, WeightsFile), includeBuffers: true,
            slice => slice.IsBuffer ? HuggingFaceModel.BufferOf(model, slice) : model.Parameters[slice.Parameter].Master);
        ReadFile(Path.Combine(path, FirstMomentFile), includeBuffers: false, slice => RangeOf(optimizer.FirstMoment, slice));
        ReadFile(Path.Combine(path, SecondMomentFile), includeBuffers: false, slice => RangeOf(optimizer.SecondMoment, slice));
        foreach ((int layer, RouterState router) in model.RouterStates)
        {
            if (!state.Routers.TryGetValue(layer, out RouterCheckpoint? saved))
                throw new InputException($"{path}: the checkpoint has no router of layer {layer}; it is damaged");
            (router.LogitMean, router.LogitDeviation) = (saved.LogitMean, saved.LogitDeviation);
        }
        optimizer.Updates = state.OptimizerUpdates;
        model.WeightsChanged();
        return state;
    }

    /// <summary>About how long the files of a checkpoint are together.</summary>
    private static long BytesOf(CheckpointContent content)
    {
        const long headers = 1 << 20;
        return CheckpointSnapshot.BytesFor(content) + headers;
    }

    private static CheckpointFile WriteFile(string path, List<WeightSlice> slices, Func<WeightSlice, Tensor> tensorOf)
    {
        using WeightSource source = new(slices, tensorOf);
        XxHash128 hash = new();
        long bytes = SafetensorsWriter.Write(
            path, slices.Select(slice => new TensorSpec(slice.Name, ElementType.F32, slice.Shape)), source.Fill, hash: hash);
        return CheckpointFile.Of(Path.GetFileName(path), bytes, hash);
    }

    private void ReadFile(string path, bool includeBuffers, Func<WeightSlice, Tensor> tensorOf)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        foreach (WeightSlice slice in WeightSlice.All(model.Config, model.Parameters.Layout))
        {
            if (slice.IsBuffer && !includeBuffers)
                continue;
            SafetensorsTensor tensor = file[slice.Name];
            if (tensor.ElementCount != slice.Count)
                throw new InputException($"{path}: tensor {slice.Name} has {tensor.ElementCount} elements, not {slice.Count}; the checkpoint is damaged");
            using DisposeScope scope = NewDisposeScope();
            WeightTransfer.Read(tensor, tensorOf(slice).view(-1).narrow(0, slice.Offset, slice.Count), mustBeFinite: false);
        }
    }

    private Tensor RangeOf(Tensor buffer, WeightSlice slice)
    {
        ParameterSet parameters = model.Parameters;
        ParameterSpec spec = parameters[slice.Parameter].Spec;
        return buffer.narrow(0, parameters.OffsetOf(spec.Name), spec.Count);
    }

    private static string FirstDifference(string saved, string current)
    {
        foreach ((string before, string now) in saved.Split('\n').Zip(current.Split('\n')))
        {
            if (before != now)
                return $"it had {before.Trim()}, now {now.Trim()}";
        }
        return "their keys differ";
    }
}
