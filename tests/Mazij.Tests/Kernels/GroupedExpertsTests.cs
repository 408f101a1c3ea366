using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels;

public sealed class GroupedExpertsTests
{
    private sealed record Sizes(int Tokens, int PerToken, int Experts, int Dim, int Width);

    public static TheoryData<string, long[], int, int, int, int, ScalarType> Cases => new()
    {
        { "one token, one expert", [0], 1, 1, 3, 2, ScalarType.Float32 },
        { "one token", [2, 0], 2, 3, 5, 4, ScalarType.Float32 },
        { "an expert without tokens", [0, 2, 2, 0, 3, 0, 2, 3], 2, 4, 7, 5, ScalarType.Float32 },
        { "all tokens on one expert", [1, 1, 1, 1, 1], 1, 3, 6, 9, ScalarType.Float32 },
        { "every token on every expert", [0, 1, 2, 2, 1, 0, 1, 0, 2], 3, 3, 17, 11, ScalarType.Float32 },
        { "bf16", [0, 2, 2, 0, 3, 0, 2, 3, 1, 0], 2, 4, 17, 9, ScalarType.BFloat16 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Outputs_and_gradients_match_plain_loops(
        string name, long[] choices, int perToken, int experts, int dim, int width, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        Sizes sizes = new(choices.Length / perToken, perToken, experts, dim, width);
        (Tensor x, double[] xs) = Numbers.Draw(19, type, sizes.Tokens, dim);
        (Tensor weights, double[] ps) = Numbers.Draw(20, ScalarType.Float32, sizes.Tokens, perToken);
        (Tensor gateUp, double[] gus) = Numbers.Draw(21, type, experts, 2 * width, dim);
        (Tensor down, double[] downs) = Numbers.Draw(22, type, experts, dim, width);
        (Tensor gradient, double[] factors) = Numbers.Draw(23, type, sizes.Tokens, dim);
        double[] Plain() => Run(xs, ps, choices, gus, downs, sizes);
        double Objective() => Numbers.Dot(Plain(), factors);
        double tolerance = Numbers.Tolerance(type);

        using TokenPermutation permutation = TokenPermutation.Create(tensor(choices, [sizes.Tokens, perToken]), experts);
        (Tensor output, GroupedExperts.Tape tape) = GroupedExperts.Forward(x, weights, permutation, gateUp, down);
        Numbers.AssertClose(Plain(), output, tolerance, $"{name}: output");
        Tensor gradGateUp = zeros(gateUp.shape), gradDown = zeros(down.shape);
        (Tensor gradX, Tensor gradWeights) = GroupedExperts.Backward(
            gradient, permutation, perToken, gateUp, down, tape, gradGateUp, gradDown);
        tape.Dispose();
        Numbers.AssertClose(Numbers.Gradient(Objective, xs), gradX, tolerance, $"{name}: dx");
        Numbers.AssertClose(Numbers.Gradient(Objective, ps), gradWeights, tolerance, $"{name}: dp");
        Numbers.AssertClose(Numbers.Gradient(Objective, gus), gradGateUp, tolerance, $"{name}: d(gate, up)");
        Numbers.AssertClose(Numbers.Gradient(Objective, downs), gradDown, tolerance, $"{name}: d(down)");
        for (int expert = 0; expert < experts; expert++)
        {
            if (!choices.Contains(expert))
                Assert.Equal(0, Numbers.Doubles(gradGateUp[expert]).Concat(Numbers.Doubles(gradDown[expert])).Max(Math.Abs));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void On_tiles_they_match_plain_loops_too(
        string name, long[] choices, int perToken, int experts, int dim, int width, ScalarType type)
    {
        Simd.KernelComparison.RequireTiles(type);
        using DisposeScope scope = NewDisposeScope();
        Sizes sizes = new(choices.Length / perToken, perToken, experts, dim, width);
        const int sharedWidth = 6;
        (Tensor x, double[] xs) = Numbers.Draw(19, type, sizes.Tokens, dim);
        (Tensor weights, double[] ps) = Numbers.Draw(20, ScalarType.Float32, sizes.Tokens, perToken);
        (Tensor gateUp, double[] gus) = Numbers.Draw(21, type, experts, 2 * width, dim);
        (Tensor down, double[] downs) = Numbers.Draw(22, type, experts, dim, width);
        (Tensor gradient, double[] factors) = Numbers.Draw(23, type, sizes.Tokens, dim);
        (Tensor sharedGateUp, double[] sharedGus) = Numbers.Draw(24, type, 2 * sharedWidth, dim);
        (Tensor sharedDown, double[] sharedDowns) = Numbers.Draw(25, type, dim, sharedWidth);
        (Tensor residual, double[] residuals) = Numbers.Draw(26, type, sizes.Tokens, dim);
        // The shared expert is one expert that every token chooses with weight 1.
        long[] everyToken = new long[sizes.Tokens];
        double[] ones = [.. everyToken.Select(_ => 1.0)];
        Sizes sharedSizes = new(sizes.Tokens, 1, 1, dim, sharedWidth);
        double[] Plain()
        {
            double[] routed = Run(xs, ps, choices, gus, downs, sizes), shared = Run(xs, ones, everyToken, sharedGus, sharedDowns, sharedSizes);
            return [.. routed.Select((value, i) => value + shared[i] + residuals[i])];
        }
        double Objective() => Numbers.Dot(Plain(), factors);
        double tolerance = Numbers.Tolerance(type);

        using TokenPermutation permutation = TokenPermutation.Create(tensor(choices, [sizes.Tokens, perToken]), experts);
        TiledExperts.Routed routed = new(weights, permutation, new ExpertWeights(gateUp, down));
        ExpertWeights sharedWeights = new(sharedGateUp, sharedDown);
        (Tensor output, TiledExperts.Tape tape) = TiledExperts.Forward(x, residual, routed, sharedWeights);
        Numbers.AssertClose(Plain(), output, tolerance, $"{name}: output");
        GradientTarget Fresh(Tensor weight) => new(full(weight.shape, float.NaN), Accumulates: false);
        var targets = (GateUp: Fresh(gateUp), Down: Fresh(down), SharedGateUp: Fresh(sharedGateUp), SharedDown: Fresh(sharedDown));
        (Tensor gradX, Tensor? gradWeights) = TiledExperts.Backward(gradient, x, routed, sharedWeights, tape, targets);
        tape.Dispose();
        Numbers.AssertClose(Numbers.Gradient(Objective, xs), gradX, tolerance, $"{name}: dx");
        Numbers.AssertClose(Numbers.Gradient(Objective, ps), gradWeights!, tolerance, $"{name}: dp");
        Numbers.AssertClose(Numbers.Gradient(Objective, gus), targets.GateUp.Gradient, tolerance, $"{name}: d(gate, up)");
        Numbers.AssertClose(Numbers.Gradient(Objective, downs), targets.Down.Gradient, tolerance, $"{name}: d(down)");
        Numbers.AssertClose(Numbers.Gradient(Objective, sharedGus), targets.SharedGateUp.Gradient, tolerance, $"{name}: shared d(gate, up)");
        Numbers.AssertClose(Numbers.Gradient(Objective, sharedDowns), targets.SharedDown.Gradient, tolerance, $"{name}: shared d(down)");
    }

    private static double[] Run(double[] x, double[] p, long[] choices, double[] gateUp, double[] down, Sizes sizes)
    {
        (int tokens, int perToken, _, int dim, int width) = sizes;
        double[] output = new double[tokens * dim], hidden = new double[width];
        for (int pair = 0; pair < tokens * perToken; pair++)
        {
            int token = pair / perToken, expert = (int)choices[pair];
            ReadOnlySpan<double> row = x.AsSpan(token * dim, dim);
            for (int i = 0; i < width; i++)
            {
                double gate = Numbers.Dot(row, gateUp.AsSpan((expert * 2 * width + i) * dim, dim));
                double up = Numbers.Dot(row, gateUp.AsSpan((expert * 2 * width + width + i) * dim, dim));
                hidden[i] = gate / (1 + Math.Exp(-gate)) * up;
            }
            for (int i = 0; i < dim; i++)
                output[token * dim + i] += p[pair] * Numbers.Dot(hidden, down.AsSpan((expert * dim + i) * width, width));
        }
        return output;
    }
}
