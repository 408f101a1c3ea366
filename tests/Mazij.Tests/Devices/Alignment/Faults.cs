using Mazij.Devices.Alignment;
using Mazij.Formats.Safetensors;
using Mazij.Kernels.Tiles;
using Mazij.Models;
using Mazij.Tests.Kernels;

namespace Mazij.Tests.Devices.Alignment;

/// <summary>Defects that implementations of this model have had, or could have.</summary>
internal static class Faults
{
    /// <summary>All of them by name.</summary>
    public static IReadOnlyDictionary<string, Fault> All { get; } = new Dictionary<string, Fault>
    {
        ["epsilon of RMSNorm"] = Epsilon,
        ["RoPE turns neighbours, not halves"] = InterleavedRope,
        ["NormHead over the other dimension"] = NormOfRows,
        ["NormHead's norm has a gradient"] = GradientThroughNorm,
        ["softmax of attention in bf16"] = NarrowSoftmax,
        ["softmax of the router in bf16"] = NarrowRouter,
        ["ties go to the higher number"] = TiesToTheHigher,
        ["router weights are not divided by their sum"] = (call, inputs, inner) => call.Kind == ComponentKind.Router
            ? inner.Run(call with { Shape = call.Shape with { NormTopkProb = false } }, inputs)
            : null,
        ["shared expert is added twice"] = SharedTwice,
        ["balance loss is a sum, not a mean"] = SummedBalance,
        ["balance loss has no gradient"] = BalanceWithoutGradient,
        ["gradients are accumulated in bf16"] = NarrowAccumulation,
        ["weight decay on the gains of norms"] = DecayOfGains,
        ["losses of micro-batches are added, not averaged"] = SummedMicroBatches,
        ["tokens beyond an expert's capacity are dropped"] = DroppedTokens,
        ["attention sees the next token"] = NoMask,
        ["heads share keys in turn, not in groups"] = SharedInTurn,
        ["gradient norm without its root"] = SquaredNorm,
    };

    private static TensorMap? Epsilon(ComponentCall call, TensorMap inputs, IImplementation inner) => call.Kind == ComponentKind.RmsNorm
        ? inner.Run(call with { Shape = call.Shape with { RmsNormEps = call.Shape.RmsNormEps / 10 } }, inputs)
        : null;

    private static TensorMap? InterleavedRope(ComponentCall call, TensorMap inputs, IImplementation inner)
    {
        if (call.Kind is not (ComponentKind.Rope or ComponentKind.Attention) || call.Gradient)
            return null;
        string role = call.Kind == ComponentKind.Rope ? "x" : "qkv";
        int headDim = call.Shape.ResolvedHeadDim, turned = call.Shape.RotaryDim;
        int heads = call.Kind == ComponentKind.Rope ? inputs.Of(role).Width / headDim : call.Shape.NumAttentionHeads + call.Shape.NumKeyValueHeads;
        // Even columns to the first half, odd ones to the second, so that pairs of neighbours are turned; and back.
        int To(int column)
        {
            int within = column % headDim, first = column - within;
            return column >= heads * headDim || within >= turned ? column : first + (within / 2) + (within % 2 * turned / 2);
        }
        TensorMap outputs = inner.Run(call, With(inputs, role, Mapped(inputs.Of(role), To)));
        if (call.Kind == ComponentKind.Rope)
            outputs["y"] = Mapped(outputs.Of("y"), To, back: true);
        return outputs;
    }

    private static TensorMap? NormOfRows(ComponentCall call, TensorMap inputs, IImplementation inner)
    {
        if (call.Kind != ComponentKind.Head || !call.Shape.NormHead)
            return null;
        TraceTensor weight = inputs.Of("weight");
        TraceTensor normed = Each(weight, (row, column) => weight.Floats[(row * weight.Width) + column] / NormOfRow(weight, row));
        return inner.Run(call with { Shape = call.Shape with { NormHead = false } }, With(inputs, "weight", normed));
    }

    private static TensorMap? GradientThroughNorm(ComponentCall call, TensorMap inputs, IImplementation inner)
    {
        if (call.Kind != ComponentKind.Head || !call.Shape.NormHead || !call.Gradient)
            return null;
        TensorMap outputs = inner.Run(call, inputs);
        TraceTensor weight = inputs.Of("weight"), gradient = outputs.Of("grad_weight");
        double[] inside = new double[weight.Width], norm = new double[weight.Width];
        for (int i = 0; i < weight.Count; i++)
        {
            inside[i % weight.Width] += weight.Floats[i] * gradient.Floats[i];
            norm[i % weight.Width] += weight.Floats[i] * weight.Floats[i];
        }
        // d(w / |w|) = (1 - u u^T) / |w|: what points along the column goes.
        outputs["grad_weight"] = Each(gradient, (row, column) =>
            gradient.Floats[(row * gradient.Width) + column] - (weight.Floats[(row * weight.Width) + column] * inside[column] / norm[column]));
        return outputs;
    }

    private static TensorMap? NarrowSoftmax(ComponentCall call, TensorMap inputs, IImplementation inner)
    {
        if (call.Kind != ComponentKind.Attention || call.Gradient || call.Shape.UseQkNorm)
            return null;
        TensorMap outputs = inner.Run(call, inputs);
        ModelConfig shape = call.Shape;
        TraceTensor qkv = inputs.Of("qkv");
        HeadLayout layout = new(call.Sequences, shape.NumAttentionHeads, shape.NumKeyValueHeads, shape.ResolvedHeadDim);
        int positions = qkv.Count / qkv.Width / call.Sequences;
        double[] context = new PlainQkvAttention(layout, positions, shape.RotaryDim, shape.RopeTheta, null)
        {
            Rounded = probability => (double)Narrow((float)probability),
        }.Context(Doubles(qkv), [], []);
        outputs["context"] = new TraceTensor(ElementType.F32, outputs.Of("context").Shape, [.. context.Select(value => (float)value)]);
        return outputs;
    }

    private static TensorMap? NarrowRouter(ComponentCall call, TensorMap inputs, IImplementation inner)
    {
        if (call.Kind != ComponentKind.Router || call.Gradient)
            return null;
        TensorMap outputs = inner.Run(call, inputs);
        TraceTensor weights = outputs.Of("weights");
        outputs["weights"] = Each(weights, (row, column) => Narrow(weights.Floats[(row * weights.Width) + column]));
        return outputs;
    }

    private static TensorMap? TiesToTheHigher(ComponentCall call, TensorMap inputs, IImplementation inner)
    {
        if (call.Kind != ComponentKind.Router || call.Gradient)
            return null;
        int experts = inputs.Of("logits").Width;
        TensorMap reversed = With(inputs, "logits", Mapped(inputs.Of("logits"), column => experts - 1 - column));
        if (inputs.TryGetValue("bias", out TraceTensor? bias))
            reversed = With(reversed, "bias", new TraceTensor(ElementType.F32, bias.Shape, [.. bias.Floats.ToArray().Reverse()]));
        TensorMap outputs = inner.Run(call, reversed);
        TraceTensor choices = outputs.Of("choices");
        outputs["choices"] = new TraceTensor(choices.Shape, [.. choices.Integers.ToArray().Select(expert => experts - 1 - expert)]);
        return outputs;
    }

    private static TensorMap? SharedTwice(ComponentCall call, TensorMap inputs, IImplementation inner)
    {
        if (call.Kind != ComponentKind.Moe || call.Gradient)
            return null;
        TensorMap outputs = inner.Run(call, inputs);
        outputs["y"] = outputs.Of("y").Plus(inner.Run(call with { Kind = ComponentKind.Mlp }, inputs).Of("y"));
        return outputs;
    }

    private static TensorMap? SummedBalance(ComponentCall call, TensorMap inputs, IImplementation inner)
    {
        if (call.Kind != ComponentKind.Router || call.Gradient)
            return null;
        TensorMap outputs = inner.Run(call, inputs);
        outputs["balance"] = new TraceTensor(outputs.Of("balance").Floats[0] * (double)inputs.Of("logits").Shape[0]);
        return outputs;
    }

    private static TensorMap? BalanceWithoutGradient(ComponentCall call, TensorMap inputs, IImplementation inner)
    {
        if (call.Kind != ComponentKind.Router || !call.Gradient)
            return null;
        // Both auxiliary losses act on the logits alone: what is left without a gradient of the weights is theirs.
        TraceTensor all = inner.Run(call, inputs).Of("grad_logits"), grad = inputs.Of("grad");
        TraceTensor auxiliary = inner.Run(call, With(inputs, "grad", Each(grad, (_, _) => 0))).Of("grad_logits");
        return new TensorMap
        {
            ["grad_logits"] = Each(all, (row, column) => all.Floats[(row * all.Width) + column] - auxiliary.Floats[(row * all.Width) + column]),
        };
    }

    private static TensorMap? NarrowAccumulation(ComponentCall call, TensorMap inputs, IImplementation inner)
    {
        if (call.Kind != ComponentKind.Accumulation)
            return null;
        TraceTensor? sum = null;
        for (int i = 0; i < call.MicroBatches; i++)
        {
            TensorMap one = new() { ["x.0"] = inputs.Of(StepComponents.Role("x", i)), ["grad.0"] = inputs.Of(StepComponents.Role("grad", i)) };
            TraceTensor added = inner.Run(call with { MicroBatches = 1 }, one).Of("grad_weight");
            sum = (sum is null ? added : sum.Plus(added)).RoundedTo(ElementType.BF16);
        }
        return new TensorMap { ["grad_weight"] = sum! };
    }

    private static TensorMap? DecayOfGains(ComponentCall call, TensorMap inputs, IImplementation inner)
    {
        if (call.Kind != ComponentKind.Optimizer)
            return null;
        TensorMap outputs = inner.Run(call, inputs);
        double kept = Math.Pow(1 - (StepComponents.Recipe.LearningRate * StepComponents.Recipe.WeightDecay), StepComponents.Updates);
        foreach (ParameterSpec gain in new ParameterLayout(call.Shape).Specs.Where(spec => !spec.Decays))
        {
            TraceTensor updated = outputs.Of(gain.Name);
            outputs[gain.Name] = new TraceTensor(ElementType.F32, updated.Shape, [.. updated.Floats.ToArray().Select(value => (float)(value * kept))]);
        }
        return outputs;
    }

    private static TensorMap? SummedMicroBatches(ComponentCall call, TensorMap inputs, IImplementation inner)
    {
        if (call.Kind != ComponentKind.Step)
            return null;
        TensorMap outputs = inner.Run(call, inputs);
        foreach (string role in (ReadOnlySpan<string>)["loss", "gradient_norm"])
            outputs[role] = new TraceTensor(outputs.Of(role).Floats[0] * (double)call.MicroBatches);
        return outputs;
    }

    private static TensorMap? DroppedTokens(ComponentCall call, TensorMap inputs, IImplementation inner)
    {
        if (call.Kind is not (ComponentKind.Experts or ComponentKind.Moe) || call.Gradient)
            return null;
        TraceTensor choices = inputs.Of("choices"), weights = inputs.Of("weights");
        int experts = (int)inputs.Of("down").Shape[0];
        // GShard's usual factor of 1.25.
        int capacity = (int)Math.Ceiling(1.25 * choices.Count / experts);
        int[] taken = new int[experts];
        return inner.Run(call, With(inputs, "weights", Each(weights, (row, column) =>
            ++taken[choices.Integers[(row * choices.Width) + column]] > capacity ? 0 : weights.Floats[(row * weights.Width) + column])));
    }

    private static TensorMap? NoMask(ComponentCall call, TensorMap inputs, IImplementation inner)
    {
        if (call.Kind != ComponentKind.Attention || call.Gradient)
            return null;
        TraceTensor qkv = inputs.Of("qkv");
        int positions = qkv.Count / qkv.Width / call.Sequences, from = (call.Shape.NumAttentionHeads + call.Shape.NumKeyValueHeads) * call.Shape.ResolvedHeadDim;
        // The value of the next position in the place of one's own.
        return inner.Run(call, With(inputs, "qkv", Each(qkv, (row, column) =>
            qkv.Floats[((column >= from && (row + 1) % positions != 0 ? row + 1 : row) * qkv.Width) + column])));
    }

    private static TensorMap? SharedInTurn(ComponentCall call, TensorMap inputs, IImplementation inner)
    {
        int heads = call.Shape.NumAttentionHeads, keyHeads = call.Shape.NumKeyValueHeads, headDim = call.Shape.ResolvedHeadDim;
        if (call.Kind != ComponentKind.Attention || call.Gradient || keyHeads is 1 || keyHeads == heads)
            return null;
        int To(int column)
        {
            int head = column / headDim;
            return head >= heads ? column : (((head % keyHeads * (heads / keyHeads)) + (head / keyHeads)) * headDim) + (column % headDim);
        }
        TensorMap outputs = inner.Run(call, With(inputs, "qkv", Mapped(inputs.Of("qkv"), To)));
        outputs["context"] = Mapped(outputs.Of("context"), To, back: true);
        return outputs;
    }

    private static TensorMap? SquaredNorm(ComponentCall call, TensorMap inputs, IImplementation inner)
    {
        if (call.Kind != ComponentKind.Clipping)
            return null;
        TensorMap outputs = inner.Run(call, inputs);
        outputs["norm"] = new TraceTensor(Math.Pow(outputs.Of("norm").Floats[0], 2));
        return outputs;
    }

    private static TensorMap With(TensorMap inputs, string role, TraceTensor tensor)
    {
        TensorMap changed = [];
        foreach ((string each, TraceTensor value) in inputs)
            changed.Add(each, each == role ? tensor : value);
        return changed;
    }

    private static TraceTensor Each(TraceTensor like, Func<int, int, double> value)
    {
        float[] values = new float[like.Count];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)value(i / like.Width, i % like.Width);
        return new TraceTensor(ElementType.F32, like.Shape, values);
    }

    /// <summary>Columns moved to other places, or back from there.</summary>
    private static TraceTensor Mapped(TraceTensor tensor, Func<int, int> to, bool back = false)
    {
        float[] values = new float[tensor.Count];
        for (int i = 0; i < values.Length; i++)
        {
            int moved = i - (i % tensor.Width) + to(i % tensor.Width);
            if (back)
                values[i] = tensor.Floats[moved];
            else
                values[moved] = tensor.Floats[i];
        }
        return new TraceTensor(tensor.Type, tensor.Shape, values);
    }

    private static double NormOfRow(TraceTensor tensor, int row) =>
        Math.Sqrt(tensor.Floats.Slice(row * tensor.Width, tensor.Width).ToArray().Sum(value => (double)value * value));

    private static double[] Doubles(TraceTensor tensor) => [.. tensor.Floats.ToArray().Select(value => (double)value)];

    private static float Narrow(float value) => new TraceTensor(ElementType.F32, [1], [value]).RoundedTo(ElementType.BF16).Floats[0];
}
