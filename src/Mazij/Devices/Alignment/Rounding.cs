using Mazij.Formats.Safetensors;

namespace Mazij.Devices.Alignment;

/// <summary>Unit roundoffs of the two formats that a comparison is about: half the distance from 1 to the next number.</summary>
/// <param name="Narrow">Of the coarser compute dtype of the two executions.</param>
/// <param name="Wide">Of fp32, in which both sum up.</param>
internal readonly record struct Roundoffs(double Narrow, double Wide)
{
    private const double Fp32 = 1.0 / (1 << 24), Bf16 = 1.0 / (1 << 8), Fp16 = 1.0 / (1 << 11);

    /// <summary>Of two executions.</summary>
    public static Roundoffs Of(TraceOrigin a, TraceOrigin b) => new(Math.Max(UnitOf(a.Dtype), UnitOf(b.Dtype)), Fp32);

    /// <summary>The number formats that a trace may name.</summary>
    public static IReadOnlyList<string> Dtypes { get; } = ["fp32", "bf16", "fp16"];

    /// <summary>The format in which both executions can be fed the same bits.</summary>
    public static ElementType CommonType(Execution a, Execution b) =>
        a.Dtype == "bf16" || b.Dtype == "bf16" ? ElementType.BF16 : ElementType.F32;

    /// <summary>Of a number format.</summary>
    public static double UnitOf(string dtype) => dtype switch
    {
        "bf16" => Bf16,
        "fp16" => Fp16,
        _ => Fp32,
    };
}

/// <summary>
/// How rounding errors arise on the way to an output. By the standard model every operation has a relative error of at most u;
/// taken as independent and of zero mean, n of them in a sum make sqrt(n) u and not n u (Higham, Accuracy and Stability of
/// Numerical Algorithms, 2002, 2.2 and 4.2; Higham and Mary, SIAM J. Sci. Comput. 41, 2019, A2815). docs/alignment.md derives it.
/// </summary>
/// <param name="Narrow">Roundings to the compute dtype, one behind the other: of weights, intermediate results, the output.</param>
/// <param name="Length">Terms that are summed up in fp32 on the way.</param>
/// <param name="Amplification">By what functions such as softmax enlarge a relative error of their argument.</param>
internal readonly record struct Rounding(double Narrow, double Length, double Amplification = 1)
{
    /// <summary>The standard deviation of the relative difference of two executions, at most: both round.</summary>
    public double Deviation(Roundoffs unit) =>
        Math.Sqrt(2 * ((Narrow * unit.Narrow * unit.Narrow) + ((Length + 1) * unit.Wide * unit.Wide))) * Amplification;

    /// <summary>The largest of so many such differences, at most: each exceeds t deviations with a probability of 2 exp(-t^2 / 2)
    /// at most (Hoeffding), and all of a tensor together shall with one of <see cref="FailureProbability"/>.</summary>
    public static double Extreme(long count) => Math.Sqrt(2 * Math.Log(2 * Math.Max(1, count) / FailureProbability));

    /// <summary>How likely healthy executions are to be called diverged by one tensor.</summary>
    public const double FailureProbability = 1e-6;

    /// <summary>Of one output of a component that is fed the same inputs by both.</summary>
    /// <param name="component">As the first execution computed it.</param>
    /// <param name="role">The output.</param>
    public static Rounding Of(TracedComponent component, string role)
    {
        TensorMap inputs = component.Inputs;
        bool gradient = component.Call.Gradient, ofWeight = gradient && role is not ("grad_x" or "grad_weights" or "grad_logits");
        double Rows(string of) => (double)inputs.Of(of).Count / inputs.Of(of).Width;
        double Width(string of) => inputs.Of(of).Width;
        switch (component.Call.Kind)
        {
            case ComponentKind.Embedding:
                return gradient ? new Rounding(0, inputs.Of("ids").Count) : new Rounding(1, 0);
            case ComponentKind.RmsNorm:
                // Forward: gain, normed x, product. Backward the norm is in fp32.
                return !gradient ? new Rounding(3, Width("x"))
                    : ofWeight ? new Rounding(1, Width("x") + Rows("x")) : new Rounding(2, 2 * Width("x"));
            case ComponentKind.Linear:
                return !gradient ? new Rounding(2, Width("x"))
                    : ofWeight ? new Rounding(1, Rows("x")) : new Rounding(2, Width("grad"));
            case ComponentKind.Rope:
                // Cosine and sine, two products, their sum.
                return new Rounding(4, 2);
            case ComponentKind.Attention:
                return OfAttention(component, ofWeight);
            case ComponentKind.RouterLogits:
                return !gradient ? new Rounding(0, Width("x"))
                    : ofWeight ? new Rounding(0, Rows("x")) : new Rounding(1, Width("grad"));
            case ComponentKind.Router:
                // exp(s) has the relative error |s| u. The gradient passes softmax and division once more.
                double reach = 1 + 2 * Largest(inputs.Of("logits"));
                return new Rounding(0, inputs.Of("logits").Width + (role is "weights" ? 0 : Rows("logits")), gradient ? 2 * reach : reach);
            case ComponentKind.Experts or ComponentKind.Mlp or ComponentKind.Moe:
                return OfExperts(component, ofWeight);
            case ComponentKind.Head:
                return OfHead(component, role);
            case ComponentKind.Accumulation:
                // Each micro-batch's product is rounded by itself: together they are off by as much as one.
                return new Rounding(1, Rows("x.0") * component.Call.MicroBatches);
            case ComponentKind.Clipping:
                return new Rounding(0, inputs.Of("gradient").Count);
            case ComponentKind.Optimizer:
                const int operations = 8;
                return new Rounding(0, operations * StepComponents.Updates);
            default:
                throw new ArgumentOutOfRangeException(nameof(component), component.Call.Kind, "Whole models are judged by their depth.");
        }
    }

    /// <summary>The size of the terms that an output is summed up from, where they may cancel altogether; 0 where they do not. The
    /// gradient of a query that sees one key is 0, as the softmax of one score is 1, whatever rounding makes of it.</summary>
    public static double SizeOfTerms(TracedComponent component, string role)
    {
        if (component.Call.Kind != ComponentKind.Attention || role is not ("grad_query" or "grad_key"))
            return 0;
        Models.ModelConfig shape = component.Call.Shape;
        TraceTensor qkv = component.Inputs.Of("qkv");
        int queries = shape.NumAttentionHeads * shape.ResolvedHeadDim, keys = shape.NumKeyValueHeads * shape.ResolvedHeadDim;
        // scale P (dO V^T) K: sqrt(W) from the product, 1 / sqrt(W) from the scale, and the mean over as many keys as there are.
        double other = role == "grad_query" ? qkv.Columns(queries, keys).Size : qkv.Columns(0, queries).Size;
        double positions = (double)qkv.Count / qkv.Width / component.Call.Sequences;
        return component.Inputs.Of("grad").Size * qkv.Columns(queries + keys, keys).Size * other / Math.Sqrt(positions);
    }

    private static Rounding OfAttention(TracedComponent component, bool ofWeight)
    {
        TensorMap inputs = component.Inputs;
        Models.ModelConfig shape = component.Call.Shape;
        TraceTensor qkv = inputs.Of("qkv");
        int width = shape.ResolvedHeadDim, queries = shape.NumAttentionHeads * width, keys = shape.NumKeyValueHeads * width;
        double tokens = (double)qkv.Count / qkv.Width, positions = tokens / component.Call.Sequences;
        // A score q k / sqrt(W) of vectors without a common direction has the size |q| |k| / W, in the softmax an absolute one.
        double score = shape.UseQkNorm
            ? inputs.Of("query_norm").Size * inputs.Of("key_norm").Size
            : qkv.Columns(0, queries).Size * qkv.Columns(queries, keys).Size;
        // Norm of q and k (3), rotation (4), scores, probabilities, context; backward again, and as many products.
        double narrow = (shape.UseQkNorm ? 10 : 7), length = width + positions;
        return !component.Call.Gradient
            ? new Rounding(narrow, length, 1 + score)
            : new Rounding(2 * narrow + 2, 4 * length + (ofWeight ? tokens * shape.NumAttentionHeads : 0), 1 + score);
    }

    private static Rounding OfExperts(TracedComponent component, bool ofWeight)
    {
        TensorMap inputs = component.Inputs;
        TraceTensor x = inputs.Of("x");
        double length = x.Width + (component.Call.Kind == ComponentKind.Mlp ? inputs.Of("shared_down").Width : inputs.Of("down").Width);
        double tokens = (double)x.Count / x.Width, choices = component.Call.Kind == ComponentKind.Mlp ? 1 : inputs.Of("choices").Width;
        // Both weights, gate and up, silu, its product, the output; for routed experts also the choice's weight, its product and
        // the sum over choices; with shared ones one sum more.
        double narrow = component.Call.Kind switch
        {
            ComponentKind.Mlp => 6,
            ComponentKind.Experts => 9,
            _ => 10,
        };
        // Backward gate and up are computed again; then the slope of silu (3) and the products of both gradients.
        return !component.Call.Gradient ? new Rounding(narrow, length + choices) : new Rounding(narrow + 6, 3 * length + choices + (ofWeight ? tokens : 0));
    }

    private static Rounding OfHead(TracedComponent component, string role)
    {
        TraceTensor x = component.Inputs.Of("x"), weight = component.Inputs.Of("weight");
        double hidden = weight.Width, vocabulary = (double)weight.Count / weight.Width, tokens = (double)x.Count / x.Width;
        bool norm = component.Call.Shape.NormHead;
        double size = LogitSize(x, weight, norm);
        // Weight and logits, with NormHead also its factor and the scaled x; then probabilities, and the product with the weight.
        double narrow = norm ? 4 : 2, length = hidden + (norm ? vocabulary : 0);
        return role switch
        {
            "logits" => new Rounding(narrow, length),
            "losses" => new Rounding(narrow, length + vocabulary, 1 + size / Math.Max(1, Math.Log(vocabulary))),
            "grad_x" => new Rounding(2 * narrow + 3, 2 * length + 2 * vocabulary, 1 + size),
            _ => new Rounding(2 * narrow + 2, length + 2 * vocabulary + tokens, 1 + size),
        };
    }

    /// <summary>The size of the logits that a head makes.</summary>
    /// <param name="x">What it is fed [tokens, hidden].</param>
    /// <param name="weight">[vocab, hidden].</param>
    /// <param name="norm">NormHead: a column's norm leaves each number of it 1 / sqrt(V) on the average.</param>
    public static double LogitSize(TraceTensor x, TraceTensor weight, bool norm) =>
        x.Size * Math.Sqrt(weight.Width) * (norm ? 1 / Math.Sqrt((double)weight.Count / weight.Width) : weight.Size);

    private static double Largest(TraceTensor tensor)
    {
        double largest = 0;
        foreach (float value in tensor.Floats)
            largest = Math.Max(largest, Math.Abs(value));
        return largest;
    }
}
