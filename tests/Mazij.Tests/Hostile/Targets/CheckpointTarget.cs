using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using Mazij.Data;
using Mazij.Kernels.Libtorch;
using Mazij.Models;
using Mazij.Tests.Hostile.Mutations;
using Mazij.Training;
using Mazij.Training.Spikes;
using static TorchSharp.torch;

namespace Mazij.Tests.Hostile.Targets;

/// <summary>A run's checkpoint: damaged, when it must be refused or be what it was; and forged with checksums that fit.</summary>
internal sealed class CheckpointTarget : HostileTarget
{
    private const int Step = 6;
    private static readonly string folderName = Path.Combine("checkpoints", "step-00000006");
    private static readonly string stateName = Path.Combine(folderName, CheckpointState.FileName);
    private readonly HostileWorld world;
    private readonly PreparedData data;
    private readonly MoeTransformer model;
    private readonly AdamW optimizer;
    private readonly ModelCheckpoint checkpoint;
    private readonly float[] whole;
    private readonly string wholeState;
    private bool isForged;

    public CheckpointTarget(HostileWorld world)
    {
        this.world = world;
        HostileWorld.Copy(Path.Combine(world.RunPath, folderName), Folder[folderName]);
        Folder.TakeOriginals();
        data = PreparedData.Find(new() { Shards = world.DataPath }, new(), Folder.Path)!;
        model = new MoeTransformer(world.Model, ParameterSet.ForTraining(new ParameterLayout(world.Model), CPU, ScalarType.Float32), CPU);
        optimizer = new AdamW(model.Parameters, world.Config.Training);
        checkpoint = new ModelCheckpoint(model, optimizer, world.Config.Training, data.Tokenizer.Hash);
        wholeState = Json(checkpoint.Load(Checkpoints, Step));
        whole = Numbers();
        List<(string, Mutation)> kinds = [];
        foreach (string file in Folder.Originals.Keys)
        {
            if (file == stateName)
                kinds.AddRange([(file, JsonMutations.Any), (file, TextMutations.Any), (file, ByteMutations.Any)]);
            else
                kinds.AddRange([(file, SafetensorsMutations.Any), (file, ByteMutations.Any)]);
        }
        Kinds = kinds;
    }

    public override string Name => "checkpoint";

    public override int Share => 110;

    protected override IReadOnlyList<(string File, Mutation How)> Kinds { get; }

    private CheckpointFolder Checkpoints => new(Folder["checkpoints"]);

    public override string Damage(Dice dice)
    {
        isForged = dice.OneIn(2);
        if (!isForged)
            return base.Damage(dice);
        byte[] state = Folder.Originals[stateName];
        string file = dice.Of([.. Folder.Originals.Keys]);
        if (file == stateName || dice.OneIn(2))
        {
            Mutated mutated = (dice.OneIn(2) ? JsonMutations.Any(dice, state) : TextMutations.Any(dice, state)) ?? new Mutated(state, "nothing");
            Folder.Change(stateName, Seal(mutated.Bytes));
            return "forged state: " + mutated.What;
        }
        byte[] tensors = Folder.Originals[file];
        Mutated changed = SafetensorsMutations.Any(dice, tensors) ?? new Mutated(tensors, "nothing");
        Folder.Change(file, changed.Bytes);
        CheckpointState whole = JsonSerializer.Deserialize<CheckpointState>(state, CheckpointState.Json)!;
        XxHash128 hash = new();
        hash.Append(changed.Bytes);
        CheckpointFile fits = CheckpointFile.Of(Path.GetFileName(file), changed.Bytes.Length, hash);
        Folder.Change(stateName, Encoding.UTF8.GetBytes(Json((whole with { Files = [.. whole.Files.Select(one => one.Name == fits.Name ? fits : one)] }).Sealed())));
        return $"forged {file}: {changed.What}";
    }

    public override void Read()
    {
        CheckpointState state = checkpoint.Load(Checkpoints, Step);
        if (!isForged)
        {
            Assert.Equal(wholeState, Json(state));
            Assert.Equal(whole, Numbers());
            return;
        }
        // Whoever forges a checkpoint can have the run they like, but nothing else.
        SampledBatches batches = Resume(state);
        for (int i = 0; i < 3; i++)
        {
            _ = batches.Next(state.Progress);
            _ = batches.GiveBack(state.Progress.Step);
        }
        SpikeGuard guard = new(world.Config.Training.SpikeGuard, world.Config.Training.Schedule.WarmupSteps) { State = state.Guard };
        for (int i = 0; i < 20; i++)
            _ = guard.Judge(state.Progress.Step + i, i == 10 ? 100 : 1, 1);
    }

    private SampledBatches Resume(CheckpointState state)
    {
        try
        {
            return new SampledBatches(data.Sources, world.Config.Data, world.Config.Training, state.Batches);
        }
        catch (InputException error)
        {
            // What does not fit is the run file, which is named by whoever resumes the run.
            throw new InputException($"{Folder.Path}: {error.Message}", error);
        }
    }

    public override void Dispose()
    {
        optimizer.Dispose();
        model.Dispose();
        data.Dispose();
        base.Dispose();
    }

    /// <summary>Weights, moments and biases.</summary>
    private float[] Numbers()
    {
        List<float> numbers = [];
        foreach (Tensor tensor in (Tensor[])[model.Parameters.MasterBuffer!, optimizer.FirstMoment, optimizer.SecondMoment])
            numbers.AddRange(TensorMemory.Span<float>(tensor));
        foreach (RouterState router in model.RouterStates.Values)
            numbers.AddRange(TensorMemory.Span<float>(router.Bias!));
        return [.. numbers];
    }

    private static byte[] Seal(byte[] json)
    {
        try
        {
            return JsonSerializer.Deserialize<CheckpointState>(json, CheckpointState.Json) is CheckpointState state ? Encoding.UTF8.GetBytes(Json(state.Sealed())) : json;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return json; // No checksum makes a state of this.
        }
    }

    private static string Json(CheckpointState state) => JsonSerializer.Serialize(state, CheckpointState.Json);
}
