using System.Globalization;
using Mazij.Configuration;
using Mazij.Data;
using Mazij.Models;
using Mazij.Training;
using Mazij.Training.Spikes;
using static TorchSharp.torch;

namespace Mazij.Devices.Alignment;

/// <summary>The whole model, by the classes that train and serve it: inputs are ids [sequences, length + 1] and every parameter by
/// its name (bias.N: the expert bias of layer N).</summary>
internal static class ModelComponents
{
    /// <summary>Forward: hidden.N, the residual stream before layer N (and behind the last), logits.N and choices.N of each router,
    /// final, losses. Backward: loss, and grad.NAME of every parameter.</summary>
    public static TensorMap Run(Workbench bench)
    {
        using MoeTransformer model = Load(bench);
        Tensor ids = bench.Wide("ids");
        if (!bench.Call.Gradient)
        {
            Probe probe = new();
            using (model.Infer(ids.narrow(1, 0, ids.shape[1] - 1), probe: probe, lastOnly: true))
                probe.Seen.Add("losses", TraceTensor.Of(model.TokenLosses(ids)));
            return probe.Seen;
        }
        model.Parameters.BeginGradients();
        MicroBatchLoss loss = model.ForwardBackward(ids, new MicroBatchOptions(1, Workbench.Routing));
        model.Parameters.FinishGradients();
        TensorMap outputs = new() { ["loss"] = new TraceTensor(loss.Loss) };
        foreach (Parameter parameter in model.Parameters.All)
            outputs.Add("grad." + parameter.Spec.Name, TraceTensor.Of(parameter.Gradient));
        return outputs;
    }

    /// <summary>One step of so many micro-batches -> loss, gradient_norm, balance (mean over routers).</summary>
    public static TensorMap Step(Workbench bench)
    {
        using MoeTransformer model = Load(bench);
        TrainingConfig config = StepComponents.Recipe;
        using AdamW optimizer = new(model.Parameters, config, bench.Portable);
        TraceTensor ids = bench.Inputs.Of("ids");
        int length = ids.Width, rows = ids.Count / length / bench.Call.MicroBatches;
        List<TokenBatch<long>> microBatches = [];
        for (int i = 0; i < bench.Call.MicroBatches; i++)
        {
            TokenBatch<long> batch = new(rows, length - 1);
            batch.Fill(ids.Integers.Slice(i * rows * length, rows * length));
            microBatches.Add(batch);
        }
        SpikeGuard judge = new(new SpikeGuardConfig { Enabled = false }, warmupSteps: 0);
        StepOutcome outcome = new ModelStep(model, optimizer, config).Run(new StepRequest(0, config.LearningRate, microBatches, judge));
        TensorMap outputs = new()
        {
            ["loss"] = new TraceTensor(outcome.Loss),
            ["gradient_norm"] = new TraceTensor(outcome.GradientNorm),
        };
        if (outcome.Routers.Count > 0)
            outputs.Add("balance", new TraceTensor(outcome.Routers.Average(router => router.BalanceLoss)));
        return outputs;
    }

    /// <summary>Puts weights that are given by name into a model, the expert biases too.</summary>
    public static void Fill(MoeTransformer model, TensorMap weights)
    {
        using IDisposable gradientsOff = no_grad();
        foreach (Parameter parameter in model.Parameters.All)
        {
            using Tensor given = weights.Of(parameter.Spec.Name).On(model.Device, ScalarType.Float32);
            parameter.Master.copy_(given);
        }
        foreach ((int layer, RouterState router) in model.RouterStates)
        {
            if (router.Bias is null)
                continue;
            using Tensor given = weights.Of(BiasRole(layer)).On(model.Device, ScalarType.Float32);
            router.Bias.copy_(given);
        }
        model.WeightsChanged();
    }

    /// <summary>The role of a layer's expert bias.</summary>
    public static string BiasRole(int layer) => Numbered("bias", layer);

    /// <summary>The role of something that every layer has.</summary>
    public static string Numbered(string name, int layer) => string.Create(CultureInfo.InvariantCulture, $"{name}.{layer}");

    private static MoeTransformer Load(Workbench bench)
    {
        ParameterSet parameters = ParameterSet.ForTraining(new ParameterLayout(bench.Shape), bench.Device, bench.Type);
        MoeTransformer model = new(bench.Shape, parameters, bench.Device, bench.Portable);
        Fill(model, bench.Inputs);
        return model;
    }

    private sealed class Probe : ModelProbe
    {
        public TensorMap Seen { get; } = [];

        public override void Hidden(int layer, Tensor hidden) => Seen.Add(Numbered("hidden", layer), TraceTensor.Of(hidden));

        public override void FinalHidden(Tensor hidden) => Seen.Add("final", TraceTensor.Of(hidden));

        public override LayerProbe Layer(int layer) => new RouterProbe(Seen, layer);
    }

    private sealed class RouterProbe(TensorMap seen, int layer) : LayerProbe
    {
        public override void Routing(Tensor logits, Tensor weights, Tensor choices)
        {
            seen.Add(Numbered("logits", layer), TraceTensor.Of(logits));
            seen.Add(Numbered("choices", layer), TraceTensor.Of(choices));
        }
    }
}
