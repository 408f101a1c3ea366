using Mazij.Kernels;
using Mazij.Tests.Kernels.Simd;
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

    [Theory]
    [InlineData(1, 8, 3, ScalarType.Float32)]
    [InlineData(2, 40, 48, ScalarType.Float32)]
    [InlineData(1, 1, 1, ScalarType.Float32)]
    [InlineData(3, 5, 211, ScalarType.Float32)]
    [InlineData(70, 17, 211, ScalarType.Float32)]
    [InlineData(66, 48, 8191, ScalarType.Float32)]
    [InlineData(1, 40, 3, ScalarType.BFloat16)]
    [InlineData(3, 5, 211, ScalarType.BFloat16)]
    [InlineData(70, 16, 211, ScalarType.BFloat16)]
    [InlineData(66, 48, 8191, ScalarType.BFloat16)]
    [InlineData(300, 8, 70001, ScalarType.BFloat16)] // Several chunks.
    [InlineData(260, 6, 40000, ScalarType.Float32)]
    public void Large_vocabularies_match_plain_loops(int tokens, int width, int vocabulary, ScalarType type)
    {
        KernelComparison.RequireTiles(type);
        using DisposeScope scope = NewDisposeScope();
        (Tensor x, double[] xs) = Numbers.Draw(15, type, tokens, width);
        (Tensor weight, double[] ws) = Numbers.Draw(16, type, vocabulary, width);
        long[] targets = [.. Enumerable.Range(0, tokens).Select(token => token == 0 ? vocabulary - 1L : token * 7919L % vocabulary)];
        const double scale = 0.25;
        double[] losses = PlainLosses(xs, ws, targets, tokens, width, vocabulary);
        (double[] gradXs, double[] gradWs) = PlainGradients(xs, ws, targets, losses, width, vocabulary, scale);
        double tolerance = Numbers.Tolerance(type);

        Numbers.AssertClose(losses, HeadCrossEntropy.TokenLosses(x, weight, tensor(targets)), tolerance, "losses");
        Tensor gradWeight = full(vocabulary, width, float.NaN);
        (Tensor sum, Tensor gradX) = HeadCrossEntropy.ForwardBackward(
            x, weight, tensor(targets), scale, gradWeight, overwrite: true);
        Numbers.AssertClose([losses.Sum()], sum, tolerance, "sum of losses");
        Numbers.AssertClose(gradXs, gradX, tolerance, "dx");
        Numbers.AssertClose(gradWs, gradWeight, tolerance, "dW, overwritten");
        _ = HeadCrossEntropy.ForwardBackward(x, weight, tensor(targets), scale, gradWeight);
        Numbers.AssertClose([.. gradWs.Select(value => 2 * value)], gradWeight, tolerance, "dW, added to");
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Plain_operators_give_the_same(ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Numbers.Draw(17, type, 90, 64).Tensor, weight = Numbers.Draw(18, type, 500, 64).Tensor;
        Tensor targets = arange(90).mul(5), plainGradWeight = ones(500, 64), gradWeight = ones(500, 64);
        double tolerance = Numbers.Tolerance(type);
        Numbers.AssertClose(
            Numbers.Doubles(HeadCrossEntropy.TokenLosses(x, weight, targets, portable: true)),
            HeadCrossEntropy.TokenLosses(x, weight, targets), tolerance, "losses");
        foreach (bool overwrite in (ReadOnlySpan<bool>)[false, true])
        {
            (Tensor plainSum, Tensor plainGradX) = HeadCrossEntropy.ForwardBackward(
                x, weight, targets, 0.5, plainGradWeight, portable: true, overwrite);
            (Tensor sum, Tensor gradX) = HeadCrossEntropy.ForwardBackward(
                x, weight, targets, 0.5, gradWeight, portable: false, overwrite);
            Numbers.AssertClose(Numbers.Doubles(plainSum), sum, tolerance, "sum of losses");
            Numbers.AssertClose(Numbers.Doubles(plainGradX), gradX, tolerance, "dx");
            Numbers.AssertClose(Numbers.Doubles(plainGradWeight), gradWeight, tolerance, "dW");
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void The_number_of_threads_changes_nothing(ScalarType type)
    {
        KernelComparison.RequireTiles(type);
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Numbers.Draw(19, type, 300, 40).Tensor, weight = Numbers.Draw(20, type, 1500, 40).Tensor, targets = arange(300);
        KernelComparison.AssertSameForAnyThreads(() =>
        {
            Tensor gradWeight = ones(1500, 40);
            (Tensor sum, Tensor gradX) = HeadCrossEntropy.ForwardBackward(x, weight, targets, 0.5, gradWeight);
            return [sum, gradX, gradWeight, HeadCrossEntropy.TokenLosses(x, weight, targets)];
        });
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void A_target_outside_the_vocabulary_is_refused(ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = ones(2, 8).to(type), weight = ones(5, 8).to(type);
        foreach (long target in (ReadOnlySpan<long>)[-1, 5, long.MaxValue])
        {
            Assert.Throws<ArgumentOutOfRangeException>(
                () => HeadCrossEntropy.ForwardBackward(x, weight, tensor(new[] { 0, target }), 1, zeros(5, 8)));
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void A_token_that_is_no_number_spoils_its_own_loss_only(ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Numbers.Draw(21, type, 70, 24).Tensor, weight = Numbers.Draw(22, type, 211, 24).Tensor;
        x[7, 3] = tensor(float.NaN);
        Tensor finite = HeadCrossEntropy.TokenLosses(x, weight, zeros(70, dtype: ScalarType.Int64)).isfinite();
        Assert.Equal(69, finite.sum().item<long>());
        Assert.False(finite[7].item<bool>());
        Tensor sum = HeadCrossEntropy.ForwardBackward(x, weight, zeros(70, dtype: ScalarType.Int64), 1, zeros(211, 24)).LossSum;
        Assert.False(float.IsFinite(sum.item<float>()));
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
        Tensor targets = tensor(new long[] { 0, 0 }), gradWeight = zeros(3, 1);
        Numbers.AssertClose([0, 2e4], HeadCrossEntropy.TokenLosses(x, weight, targets), 1e-6, "losses");
        Tensor gradX = HeadCrossEntropy.ForwardBackward(x, weight, targets, 1, gradWeight).GradX;
        Numbers.AssertClose([0, -2], gradX, 1e-6, "dx");
        Numbers.AssertClose([1e4, 0, -1e4], gradWeight, 1e-6, "dW");
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

    private static (double[] X, double[] Weight) PlainGradients(
        double[] x, double[] weight, long[] targets, double[] losses, int width, int vocabulary, double scale)
    {
        double[] gradX = new double[x.Length], gradWeight = new double[weight.Length];
        for (int token = 0; token < losses.Length; token++)
        {
            ReadOnlySpan<double> input = x.AsSpan(token * width, width);
            double target = Numbers.Dot(input, weight.AsSpan((int)targets[token] * width, width));
            for (int id = 0; id < vocabulary; id++)
            {
                double logit = Numbers.Dot(input, weight.AsSpan(id * width, width));
                double gradient = (Math.Exp(logit - target - losses[token]) - (id == targets[token] ? 1 : 0)) * scale;
                for (int j = 0; j < width; j++)
                {
                    gradX[token * width + j] += gradient * weight[id * width + j];
                    gradWeight[id * width + j] += gradient * input[j];
                }
            }
        }
        return (gradX, gradWeight);
    }
}
