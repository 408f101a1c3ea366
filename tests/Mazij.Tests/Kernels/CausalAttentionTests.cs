using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels;

public sealed class CausalAttentionTests
{
    private sealed record Shape(int Batch, int Heads, int KeyHeads, int Seq, int HeadDim);

    [Theory]
    [InlineData(1, 1, 1, 1, 8, ScalarType.Float32)]
    [InlineData(2, 4, 2, 5, 8, ScalarType.Float32)]
    [InlineData(1, 6, 2, 7, 10, ScalarType.Float32)]
    [InlineData(2, 3, 3, 17, 16, ScalarType.Float32)]
    [InlineData(1, 4, 1, 9, 64, ScalarType.Float32)]
    [InlineData(1, 2, 1, 5, 128, ScalarType.Float32)]
    [InlineData(2, 4, 2, 17, 16, ScalarType.BFloat16)]
    public void Forward_and_backward_follow_the_formula(
        int batch, int heads, int keyHeads, int seq, int headDim, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        Shape shape = new(batch, heads, keyHeads, seq, headDim);
        (Tensor q, double[] qs) = Numbers.Draw(15, type, batch, heads, seq, headDim);
        (Tensor k, double[] ks) = Numbers.Draw(16, type, batch, keyHeads, seq, headDim);
        (Tensor v, double[] vs) = Numbers.Draw(17, type, batch, keyHeads, seq, headDim);
        (Tensor gradient, double[] weights) = Numbers.Draw(18, type, batch, heads, seq, headDim);
        double[] Plain() => Attend(qs, ks, vs, shape);
        double Objective() => Numbers.Dot(Plain(), weights);
        double tolerance = Numbers.Tolerance(type);

        (Tensor context, CausalAttention.Tape tape) = CausalAttention.Forward(q, k, v);
        Numbers.AssertClose(Plain(), context, tolerance, "context");
        Numbers.AssertClose(Plain(), CausalAttention.Infer(q, k, v), tolerance, "context of inference");
        (Tensor gradQ, Tensor gradK, Tensor gradV) = CausalAttention.Backward(gradient, tape);
        tape.Dispose();
        if (seq > 1)
        {
            Numbers.AssertClose(Numbers.Gradient(Objective, qs), gradQ, tolerance, "dq");
            Numbers.AssertClose(Numbers.Gradient(Objective, ks), gradK, tolerance, "dk");
        }
        else
        {
            // One key has the weight 1 whatever its score.
            Assert.Equal(0, Numbers.Doubles(gradQ).Max(Math.Abs) + Numbers.Doubles(gradK).Max(Math.Abs), 1e-6);
        }
        Numbers.AssertClose(Numbers.Gradient(Objective, vs), gradV, tolerance, "dv");
    }

    [Theory]
    [InlineData(8, 8)]
    [InlineData(8, 1)]
    [InlineData(8, 3)]
    [InlineData(1, 1)]
    public void New_queries_over_a_cache_equal_the_end_of_full_attention(int total, int added)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor q = randn(2, 6, total, 12), k = randn(2, 2, total, 12), v = randn(2, 2, total, 12);
        (Tensor full, CausalAttention.Tape tape) = CausalAttention.Forward(q, k, v);
        tape.Dispose();
        Tensor tail = CausalAttention.Infer(q.narrow(2, total - added, added), k, v);
        Numbers.AssertClose(Numbers.Doubles(full.narrow(2, total - added, added)), tail, 1e-5, "context");
    }

    [Fact]
    public void The_future_cannot_be_seen()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor q = randn(1, 2, 6, 8), k = randn(1, 1, 6, 8), v = randn(1, 1, 6, 8);
        (Tensor before, CausalAttention.Tape first) = CausalAttention.Forward(q, k, v);
        k.narrow(2, 4, 2).fill_(Scalars.Of(1e3));
        v.narrow(2, 4, 2).fill_(Scalars.Of(-1e3));
        (Tensor after, CausalAttention.Tape second) = CausalAttention.Forward(q, k, v);
        first.Dispose();
        second.Dispose();
        Assert.Equal(Numbers.Doubles(before.narrow(2, 0, 4)), Numbers.Doubles(after.narrow(2, 0, 4)));
    }

    [Theory]
    [InlineData(20)]
    [InlineData(-20)]
    public void Scores_beyond_the_range_of_exp_stay_finite(double key)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor q = full([1, 1, 20, 16], 20f), k = full([1, 1, 20, 16], (float)key), v = randn(1, 1, 20, 16), gradient = randn(1, 1, 20, 16);
        (Tensor context, CausalAttention.Tape tape) = CausalAttention.Forward(q, k, v);
        (Tensor gradQ, Tensor gradK, Tensor gradV) = CausalAttention.Backward(gradient, tape);
        tape.Dispose();
        foreach (Tensor result in (ReadOnlySpan<Tensor>)[context, gradQ, gradK, gradV])
            Assert.All(Numbers.Doubles(result), value => Assert.True(double.IsFinite(value)));
    }

    private static double[] Attend(double[] q, double[] k, double[] v, Shape shape)
    {
        (int batch, int heads, int keyHeads, int seq, int headDim) = shape;
        double[] result = new double[q.Length], weights = new double[seq];
        for (int head = 0; head < batch * heads; head++)
        {
            int keyHead = head / heads * keyHeads + head % heads / (heads / keyHeads);
            for (int at = 0; at < seq; at++)
            {
                Span<double> target = result.AsSpan((head * seq + at) * headDim, headDim);
                double total = 0;
                for (int past = 0; past <= at; past++)
                {
                    double score = Numbers.Dot(
                        q.AsSpan((head * seq + at) * headDim, headDim), k.AsSpan((keyHead * seq + past) * headDim, headDim));
                    total += weights[past] = Math.Exp(score / Math.Sqrt(headDim));
                }
                for (int past = 0; past <= at; past++)
                {
                    for (int i = 0; i < headDim; i++)
                        target[i] += weights[past] / total * v[(keyHead * seq + past) * headDim + i];
                }
            }
        }
        return result;
    }
}
