using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels;

public sealed class HeadCrossEntropyTests
{
    [Theory]
    [InlineData(1, 3, 2, ScalarType.Float32)]
    [InlineData(5, 7, 11, ScalarType.Float32)]
    [InlineData(13, 19, 33, ScalarType.Float32)]
    [InlineData(13, 19, 33, ScalarType.BFloat16)]
    public void Losses_and_gradients_match_plain_loops(int tokens, int width, int vocabulary, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor x, double[] xs) = Numbers.Draw(11, type, tokens, width);
        (Tensor weight, double[] ws) = Numbers.Draw(12, type, vocabulary, width);
        long[] targets = [.. Enumerable.Range(0, tokens).Select(token => (long)(token * 7 % vocabulary))];
        double[] Losses() => PlainLosses(xs, ws, targets, tokens, width, vocabulary);
        double tolerance = Numbers.Tolerance(type);

        Numbers.AssertClose(Losses(), HeadCrossEntropy.TokenLosses(x, weight, tensor(targets)), tolerance, "losses");
        Tensor gradWeight = zeros(vocabulary, width);
        const double scale = 0.25;
        (Tensor sum, Tensor gradX) = HeadCrossEntropy.ForwardBackward(x, weight, tensor(targets), scale, gradWeight);
        Numbers.AssertClose([Losses().Sum()], sum, tolerance, "sum of losses");
        double Objective() => 0.25 * Losses().Sum();
        Numbers.AssertClose(Numbers.Gradient(Objective, xs), gradX, tolerance, "dx");
        Numbers.AssertClose(Numbers.Gradient(Objective, ws), gradWeight, tolerance, "dW");
    }

    [Fact]
    public void Tokens_beyond_one_chunk_are_all_counted_once()
    {
        using DisposeScope scope = NewDisposeScope();
        const int tokens = 2500, width = 3, vocabulary = 5;
        (Tensor x, double[] xs) = Numbers.Draw(13, ScalarType.Float32, tokens, width);
        (Tensor weight, double[] ws) = Numbers.Draw(14, ScalarType.Float32, vocabulary, width);
        long[] targets = [.. Enumerable.Range(0, tokens).Select(token => (long)(token % vocabulary))];
        double[] expected = PlainLosses(xs, ws, targets, tokens, width, vocabulary);
        Numbers.AssertClose(expected, HeadCrossEntropy.TokenLosses(x, weight, tensor(targets)), 1e-5, "losses");
        Tensor gradWeight = zeros(vocabulary, width);
        (Tensor sum, Tensor gradX) = HeadCrossEntropy.ForwardBackward(x, weight, tensor(targets), 1.0, gradWeight);
        Numbers.AssertClose([expected.Sum()], sum, 1e-5, "sum of losses");
        double[] gradient = Numbers.Gradient(
            () => PlainLosses(xs, ws, targets, tokens, width, vocabulary).Sum(), ws);
        Numbers.AssertClose(gradient, gradWeight, 1e-4, "dW");
        Tensor last = HeadCrossEntropy.ForwardBackward(
            x.narrow(0, tokens - 1, 1), weight, tensor(targets[^1..]), 1.0, zeros(vocabulary, width)).GradX;
        Numbers.AssertClose(Numbers.Doubles(last), gradX.narrow(0, tokens - 1, 1), 1e-5, "dx of the last token");
    }

    [Fact]
    public void Huge_logits_give_finite_losses()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor(new float[] { 1e4f, -1e4f }, [2, 1]), weight = tensor(new float[] { 1, 0, -1 }, [3, 1]);
        Numbers.AssertClose([0, 2e4], HeadCrossEntropy.TokenLosses(x, weight, tensor(new long[] { 0, 0 })), 1e-6, "losses");
    }

    private static double[] PlainLosses(double[] x, double[] weight, long[] targets, int tokens, int width, int vocabulary)
    {
        double[] losses = new double[tokens], logits = new double[vocabulary];
        for (int token = 0; token < tokens; token++)
        {
            for (int id = 0; id < vocabulary; id++)
                logits[id] = Numbers.Dot(x.AsSpan(token * width, width), weight.AsSpan(id * width, width));
            double highest = logits.Max();
            losses[token] = highest + Math.Log(logits.Sum(logit => Math.Exp(logit - highest))) - logits[targets[token]];
        }
        return losses;
    }
}
