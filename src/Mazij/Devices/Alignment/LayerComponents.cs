using Mazij.Kernels;
using Mazij.Models;
using static TorchSharp.torch;

namespace Mazij.Devices.Alignment;

/// <summary>The components without experts, by the kernels and classes that the model itself is made of.</summary>
internal static class LayerComponents
{
    /// <summary>ids, weight -> y; with grad -> grad_weight.</summary>
    public static TensorMap Embedding(Workbench bench)
    {
        IReadOnlyList<long> table = bench.Inputs.Of("weight").Shape;
        ModelConfig shape = Workbench.Smallest with { VocabSize = (int)table[0], HiddenSize = (int)table[1], PadTokenId = bench.Shape.PadTokenId };
        ParameterSet parameters = bench.Parameters(shape, (ParameterLayout.EmbeddingName, "weight"));
        TokenEmbedding embedding = new(shape, parameters, bench.Portable);
        if (!bench.Call.Gradient)
            return Workbench.Outputs(("y", embedding.Forward(bench.Wide("ids"))));
        embedding.Backward(bench.Narrow("grad"), bench.Wide("ids"));
        return Workbench.Outputs(("grad_weight", parameters[ParameterLayout.EmbeddingName].Gradient));
    }

    /// <summary>x, weight -> y; with grad -> grad_x, grad_weight.</summary>
    public static TensorMap Norm(Workbench bench)
    {
        Tensor x = bench.Narrow("x"), gain = bench.Narrow("weight");
        double epsilon = bench.Shape.RmsNormEps;
        if (!bench.Call.Gradient)
            return Workbench.Outputs(("y", RmsNorm.Forward(x, gain, epsilon, bench.Portable)));
        Tensor gradWeight = bench.GradientOf("weight");
        Tensor gradX = RmsNorm.Backward(bench.Narrow("grad"), x, gain, epsilon, gradWeight, portable: bench.Portable);
        return Workbench.Outputs(("grad_x", gradX), ("grad_weight", gradWeight));
    }

    /// <summary>x, weight -> y; with grad -> grad_x, grad_weight.</summary>
    public static TensorMap Product(Workbench bench)
    {
        Tensor x = bench.Narrow("x"), weight = bench.Narrow("weight");
        if (!bench.Call.Gradient)
            return Workbench.Outputs(("y", Linear.Forward(x, weight, bench.Portable)));
        Tensor grad = bench.Narrow("grad"), gradWeight = bench.GradientOf("weight");
        Linear.AccumulateWeightGradient(gradWeight, grad, x, bench.Portable, overwrite: true);
        return Workbench.Outputs(("grad_x", Linear.InputGradient(grad, weight, bench.Portable)), ("grad_weight", gradWeight));
    }

    /// <summary>x [T, heads x head_dim] -> y; with grad -> grad_x.</summary>
    public static TensorMap Rope(Workbench bench)
    {
        using RotaryEmbedding rotary = Rotary(bench, out long positions);
        Tensor given = bench.Narrow(bench.Call.Gradient ? "grad" : "x");
        Tensor heads = given.view(bench.Call.Sequences, positions, -1, bench.Shape.ResolvedHeadDim);
        Tensor turned = bench.Call.Gradient ? rotary.Backward(heads, 0, bench.Portable) : rotary.Forward(heads, 0, bench.Portable);
        return Workbench.Outputs((bench.Call.Gradient ? "grad_x" : "y", turned.view(given.shape)));
    }

    /// <summary>qkv, and the gains of q and k if they are normed -> context; with grad -> grad_query, grad_key, grad_value and the
    /// gains' gradients.</summary>
    public static TensorMap Attention(Workbench bench)
    {
        using RotaryEmbedding rotary = Rotary(bench, out _);
        ModelConfig shape = bench.Shape;
        QkNorm? norm = shape.UseQkNorm ? new QkNorm(bench.Narrow("query_norm"), bench.Narrow("key_norm"), shape.RmsNormEps) : null;
        using QkvAttention.Tape tape = QkvAttention.Forward(bench.Narrow("qkv"), bench.Heads, norm, rotary, bench.Portable);
        if (!bench.Call.Gradient)
            return Workbench.Outputs(("context", tape.Context_TC));
        Tensor? gradQueryGain = norm is null ? null : bench.GradientOf("query_norm"), gradKeyGain = norm is null ? null : bench.GradientOf("key_norm");
        Tensor gradQkv = QkvAttention.Backward(bench.Narrow("grad"), tape, bench.Heads, norm, rotary, gradQueryGain, gradKeyGain);
        long queries = bench.Heads.ContextWidth, keys = shape.NumKeyValueHeads * (long)shape.ResolvedHeadDim;
        TensorMap outputs = Workbench.Outputs(
            ("grad_query", gradQkv.narrow(1, 0, queries)), ("grad_key", gradQkv.narrow(1, queries, keys)),
            ("grad_value", gradQkv.narrow(1, queries + keys, keys)));
        if (norm is not null)
        {
            outputs.Add("grad_query_norm", TraceTensor.Of(gradQueryGain!));
            outputs.Add("grad_key_norm", TraceTensor.Of(gradKeyGain!));
        }
        return outputs;
    }

    /// <summary>x, weight, targets -> logits, losses; the gradient of the mean loss -> grad_x, grad_weight.</summary>
    public static TensorMap Head(Workbench bench)
    {
        IReadOnlyList<long> table = bench.Inputs.Of("weight").Shape;
        ModelConfig shape = Workbench.Smallest with
        {
            VocabSize = (int)table[0],
            HiddenSize = (int)table[1],
            NormHead = bench.Shape.NormHead,
        };
        ParameterSet parameters = bench.Parameters(shape, (ParameterLayout.HeadName, "weight"));
        using OutputHead head = new(shape, parameters, bench.Portable);
        Tensor x = bench.Narrow("x"), targets = bench.Wide("targets");
        if (!bench.Call.Gradient)
            return Workbench.Outputs(("logits", head.Logits(x)), ("losses", head.TokenLosses(x, targets)));
        (_, Tensor gradX) = head.ForwardBackward(x, targets, 1.0 / x.shape[0]);
        return Workbench.Outputs(("grad_x", gradX), ("grad_weight", parameters[ParameterLayout.HeadName].Gradient));
    }

    private static RotaryEmbedding Rotary(Workbench bench, out long positions)
    {
        string rows = bench.Call.Kind == ComponentKind.Attention ? "qkv" : bench.Call.Gradient ? "grad" : "x";
        positions = bench.Inputs.Of(rows).Shape[0] / bench.Call.Sequences;
        return new RotaryEmbedding(bench.Shape.RotaryDim, bench.Shape.RopeTheta, positions, bench.Device);
    }
}
