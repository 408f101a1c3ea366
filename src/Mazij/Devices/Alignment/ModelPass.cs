using Mazij.Models;

namespace Mazij.Devices.Alignment;

/// <summary>Walks a model module by module, forward and back, under Hugging Face's names, and then runs it whole.</summary>
internal sealed class ModelPass
{
    private const string Embeddings = "model.word_embeddings", FinalNorm = "model.norm", HeadName = "lm_head";

    /// <summary>The name of the whole model as a component.</summary>
    public const string Whole = "model";

    private readonly Recorder recorder;
    private readonly AlignmentSetting setting;
    private readonly ModelConfig model;
    private readonly TraceTensor ids, inputs, targets;
    private readonly Dictionary<string, TracedComponent> forward = [];

    /// <summary>Draws the ids.</summary>
    public ModelPass(Recorder recorder)
    {
        this.recorder = recorder;
        setting = recorder.Setting;
        model = setting.Model;
        int length = setting.SequenceLength + 1;
        long[] drawn = new long[setting.Sequences * length];
        for (int i = 0; i < drawn.Length; i++)
            drawn[i] = StableHash.Of(setting.Seed, i, 17) % model.VocabSize;
        ids = new TraceTensor([setting.Sequences, length], drawn);
        inputs = Shifted(drawn, length, 0);
        targets = Shifted(drawn, length, 1);
    }

    /// <summary>The modules from the embedding to the head, each fed by the ones before; then the whole model.</summary>
    public void Forward()
    {
        TraceTensor hidden = Fed(Module(Embeddings, ComponentKind.Embedding, ("ids", inputs), ("weight", Weight(Embeddings))).Outputs.Of("y"));
        for (int layer = 0; layer < model.NumHiddenLayers; layer++)
        {
            string prefix = ParameterLayout.LayerPrefix(layer);
            TraceTensor normed = Fed(Norm(prefix + "input_layernorm", hidden));
            TraceTensor middle = hidden.Plus(Fed(Attend(prefix + "attention.", normed)));
            TraceTensor normedMiddle = Fed(Norm(prefix + "post_attention_layernorm", middle));
            hidden = middle.Plus(Fed(model.IsMoeLayer(layer) ? Experts(layer, normedMiddle) : Dense(prefix, normedMiddle)));
        }
        TraceTensor final = Fed(Norm(FinalNorm, hidden));
        Module(HeadName, ComponentKind.Head, ("x", final), ("weight", Weight(model.TieWordEmbeddings ? Embeddings : HeadName)), ("targets", targets));
        recorder.Run(AlignmentStage.Forward, Whole, new ComponentCall(ComponentKind.Model, false, model, setting.Sequences), WholeInputs());
    }

    /// <summary>The same modules backwards, each fed by the ones behind; then every parameter's gradient by the whole model.</summary>
    public void Backward()
    {
        TraceTensor gradient = Fed(Back(HeadName, null).Of("grad_x"));
        gradient = Fed(Back(FinalNorm, gradient).Of("grad_x"));
        for (int layer = model.NumHiddenLayers - 1; layer >= 0; layer--)
        {
            string prefix = ParameterLayout.LayerPrefix(layer);
            TraceTensor gradNormed = model.IsMoeLayer(layer) ? ExpertsBack(prefix, gradient) : Fed(Back(prefix + "mlp", gradient).Of("grad_x"));
            TraceTensor gradMiddle = gradient.Plus(Fed(Back(prefix + "post_attention_layernorm", gradNormed).Of("grad_x")));
            TraceTensor gradContext = Fed(Back(prefix + "attention.dense", gradMiddle).Of("grad_x"));
            TensorMap core = Back(prefix + "attention.core", gradContext);
            TraceTensor gradQkv = Fed(TraceTensor.SideBySide(core.Of("grad_query"), core.Of("grad_key"), core.Of("grad_value")));
            TraceTensor gradInput = Fed(Back(prefix + "attention.query_key_value", gradQkv).Of("grad_x"));
            gradient = gradMiddle.Plus(Fed(Back(prefix + "input_layernorm", gradInput).Of("grad_x")));
        }
        Back(Embeddings, gradient);
        recorder.Run(AlignmentStage.Backward, Whole, new ComponentCall(ComponentKind.Model, true, model, setting.Sequences), WholeInputs());
    }

    /// <summary>A training step on the same sequences, cut into micro-batches in several ways.</summary>
    public void Steps()
    {
        for (int count = 1; count <= setting.Sequences && setting.Sequences % count == 0; count *= 2)
        {
            recorder.Run(
                AlignmentStage.Training, $"step of {count} micro-batch{(count == 1 ? "" : "es")}",
                new ComponentCall(ComponentKind.Step, false, model, setting.Sequences, count), WholeInputs());
        }
    }

    private TraceTensor Norm(string name, TraceTensor x) =>
        Module(name, ComponentKind.RmsNorm, ("x", x), ("weight", Weight(name))).Outputs.Of("y");

    private TraceTensor Attend(string prefix, TraceTensor normed)
    {
        string project = prefix + "query_key_value", dense = prefix + "dense";
        TraceTensor qkv = Fed(Module(project, ComponentKind.Linear, ("x", normed), ("weight", Weight(project))).Outputs.Of("y"));
        TensorMap core = new() { ["qkv"] = qkv };
        if (model.UseQkNorm)
        {
            core.Add("query_norm", Weight(prefix + "query_layernorm"));
            core.Add("key_norm", Weight(prefix + "key_layernorm"));
        }
        TraceTensor context = Fed(Module(prefix + "core", ComponentKind.Attention, core).Outputs.Of("context"));
        return Module(dense, ComponentKind.Linear, ("x", context), ("weight", Weight(dense))).Outputs.Of("y");
    }

    private TraceTensor Dense(string prefix, TraceTensor x) => Module(
        prefix + "mlp", ComponentKind.Mlp, ("x", x), ("shared_gate_up", setting.Parameters.Of(prefix + "mlp.gate_up_proj")),
        ("shared_down", setting.Parameters.Of(prefix + "mlp.down_proj"))).Outputs.Of("y");

    private TraceTensor Experts(int layer, TraceTensor x)
    {
        string mlp = ParameterLayout.LayerPrefix(layer) + "mlp";
        TraceTensor logits = Module(mlp + ".gate", ComponentKind.RouterLogits, ("x", x), ("weight", Weight(mlp + ".gate"))).Outputs.Of("logits");
        TensorMap asked = new() { ["logits"] = logits };
        if (model.MoeRouterEnableExpertBias)
            asked.Add("bias", setting.Parameters.Of(ModelComponents.BiasRole(layer)));
        TensorMap routing = Module(mlp + ".router", ComponentKind.Router, asked).Outputs;
        TensorMap routed = new()
        {
            ["x"] = x,
            ["choices"] = routing.Of("choices"),
            ["weights"] = routing.Of("weights"),
            ["gate_up"] = setting.Parameters.Of(mlp + ".experts.gate_up_proj"),
            ["down"] = setting.Parameters.Of(mlp + ".experts.down_proj"),
        };
        TraceTensor output = Module(mlp + ".experts", ComponentKind.Experts, routed).Outputs.Of("y");
        if (model.SharedIntermediateSize == 0)
            return output;
        TraceTensor gateUp = setting.Parameters.Of(mlp + ".shared_experts.gate_up_proj"), down = setting.Parameters.Of(mlp + ".shared_experts.down_proj");
        Module(mlp + ".shared_experts", ComponentKind.Mlp, ("x", x), ("shared_gate_up", gateUp), ("shared_down", down));
        TensorMap both = [];
        foreach ((string role, TraceTensor tensor) in forward[mlp + ".experts"].Inputs)
            both.Add(role, tensor);
        both.Add("shared_gate_up", gateUp);
        both.Add("shared_down", down);
        return Module(mlp, ComponentKind.Moe, both).Outputs.Of("y");
    }

    private TraceTensor ExpertsBack(string prefix, TraceTensor gradient)
    {
        string mlp = prefix + "mlp";
        TensorMap experts = Back(model.SharedIntermediateSize == 0 ? mlp + ".experts" : mlp, gradient);
        TracedComponent router = forward[mlp + ".router"];
        TensorMap asked = new() { ["choices"] = router.Outputs.Of("choices") };
        foreach ((string role, TraceTensor tensor) in router.Inputs)
            asked.Add(role, tensor);
        asked.Add("grad", experts.Of("grad_weights"));
        TraceTensor gradLogits = recorder.Run(
            AlignmentStage.Backward, mlp + ".router", router.Call with { Gradient = true }, asked).Outputs.Of("grad_logits");
        return Fed(experts.Of("grad_x")).Plus(Fed(Back(mlp + ".gate", gradLogits).Of("grad_x")));
    }

    private TracedComponent Module(string name, ComponentKind kind, params ReadOnlySpan<(string Role, TraceTensor Tensor)> asked)
    {
        TensorMap map = [];
        foreach ((string role, TraceTensor tensor) in asked)
            map.Add(role, tensor);
        return Module(name, kind, map);
    }

    private TracedComponent Module(string name, ComponentKind kind, TensorMap asked)
    {
        TracedComponent component = recorder.Run(
            AlignmentStage.Forward, name, new ComponentCall(kind, false, model, setting.Sequences), asked);
        forward.Add(name, component);
        return component;
    }

    /// <summary>A module's backward pass, from what its forward pass was fed and the gradient of what it gave.</summary>
    private TensorMap Back(string name, TraceTensor? gradient)
    {
        TracedComponent module = forward[name];
        TensorMap asked = [];
        foreach ((string role, TraceTensor tensor) in module.Inputs)
            asked.Add(role, tensor);
        if (gradient is not null)
            asked.Add("grad", gradient);
        return recorder.Run(AlignmentStage.Backward, name, module.Call with { Gradient = true }, asked).Outputs;
    }

    private TensorMap WholeInputs()
    {
        TensorMap all = new() { ["ids"] = ids };
        foreach ((string name, TraceTensor tensor) in setting.Parameters)
            all.Add(name, tensor);
        return all;
    }

    private TraceTensor Weight(string module) => setting.Parameters.Of(module + ".weight");

    private TraceTensor Fed(TraceTensor output) => output.RoundedTo(setting.InputType);

    private TraceTensor Shifted(long[] drawn, int length, int by) => new(
        [setting.Sequences * (long)setting.SequenceLength], [.. drawn.Where((_, i) => i % length >= by && i % length < length - 1 + by)]);
}
