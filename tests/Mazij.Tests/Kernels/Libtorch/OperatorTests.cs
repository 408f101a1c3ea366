using Mazij.Kernels.Libtorch;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels.Libtorch;

public sealed class OperatorTests
{
    private static void AssertClose(Tensor expected, Tensor actual, double tolerance = 1e-5)
    {
        Assert.Equal(expected.shape, actual.shape);
        double worst = expected.numel() == 0 ? 0 : (expected - actual).abs().max().item<float>();
        Assert.True(worst <= tolerance, $"differs by {worst}");
    }

    [Fact]
    public void Fused_AdamW_follows_the_formula()
    {
        using DisposeScope scope = NewDisposeScope();
        const double rate = 0.01, b1 = 0.9, b2 = 0.95, epsilon = 1e-8, decay = 0.1;
        Tensor[] p = [randn(7, 5), randn(3)], m = [zeros(7, 5), zeros(3)], v = [zeros(7, 5), zeros(3)];
        double[][] expected = [.. p.Select(t => t.flatten().to(ScalarType.Float64).data<double>().ToArray())];
        double[][] mean = [new double[35], new double[3]], square = [new double[35], new double[3]];
        Tensor step = zeros(1);
        for (int t = 1; t <= 4; t++)
        {
            Tensor[] g = [randn(7, 5), randn(3)];
            step.add_(1);
            FusedAdamW.Step(p, g, m, v, [step], rate, b1, b2, epsilon, decay);
            for (int i = 0; i < 2; i++)
            {
                double[] gradient = [.. g[i].flatten().to(ScalarType.Float64).data<double>()];
                for (int j = 0; j < gradient.Length; j++)
                {
                    mean[i][j] = (b1 * mean[i][j]) + ((1 - b1) * gradient[j]);
                    square[i][j] = (b2 * square[i][j]) + ((1 - b2) * gradient[j] * gradient[j]);
                    double denominator = Math.Sqrt(square[i][j] / (1 - Math.Pow(b2, t))) + epsilon;
                    expected[i][j] -= rate * decay * expected[i][j];
                    expected[i][j] -= rate * mean[i][j] / (1 - Math.Pow(b1, t)) / denominator;
                }
            }
        }
        for (int i = 0; i < 2; i++)
            AssertClose(tensor(expected[i]).to(ScalarType.Float32).reshape(p[i].shape), p[i]);
    }

    [Fact]
    public void Fused_AdamW_names_what_does_not_fit()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] p = [randn(4, 4)], z = [zeros(4, 4)], s = [ones(1)];
        void Step(Tensor[] g, Tensor[] m, Tensor[] v, Tensor[] t) =>
            FusedAdamW.Step(p, g, m, v, t, 1, 0.9, 0.9, 1e-8, 0);
        Assert.Throws<ArgumentException>("gradients", () => Step([], z, z, s));
        Assert.Throws<ArgumentException>("gradients", () => Step([zeros(4, 4).t().narrow(0, 0, 3)], z, z, s));
        Assert.Throws<ArgumentException>("gradients", () => Step([zeros(4, 8).slice(1, 0, 8, 2)], z, z, s));
        Assert.Throws<ArgumentException>("firstMoments", () => Step(z, [zeros(4, 4).bfloat16()], z, s));
        Assert.Throws<ArgumentException>("secondMoments", () => Step(z, z, [zeros(16)], s));
        Assert.Throws<ArgumentException>("steps", () => Step(z, z, z, [ones(2)]));
        FusedAdamW.Step([], [], [], [], s, 1, 0.9, 0.9, 1e-8, 0);
    }

    [Theory]
    [InlineData(4, true, null)]
    [InlineData(2, true, 0.3)]
    [InlineData(1, false, 0.07)]
    public void Attention_with_scale_and_grouped_heads_matches_the_formula(int keyHeads, bool causal, double? scale)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor q = randn(2, 4, 6, 8, requires_grad: true);
        Tensor k = randn(2, keyHeads, 6, 8, requires_grad: true), v = randn(2, keyHeads, 6, 8, requires_grad: true);
        Tensor weight = randn(2, 4, 6, 8);
        Tensor fused = ScaledDotProductAttention.Apply(q, k, v, causal: causal, scale: scale);
        (fused * weight).sum().backward();
        Tensor[] gradients = [q.grad!.clone(), k.grad!.clone(), v.grad!.clone()];
        foreach (Tensor t in new[] { q, k, v })
            t.grad!.zero_();

        Tensor keys = k.repeat_interleave(4 / keyHeads, 1), values = v.repeat_interleave(4 / keyHeads, 1);
        Tensor scores = q.matmul(keys.transpose(-2, -1)) * (scale ?? (1 / Math.Sqrt(8)));
        if (causal)
            scores = scores.masked_fill(ones(6, 6, ScalarType.Bool).triu(1), float.NegativeInfinity);
        Tensor plain = scores.softmax(-1).matmul(values);
        (plain * weight).sum().backward();
        AssertClose(plain, fused);
        AssertClose(q.grad!, gradients[0]);
        AssertClose(k.grad!, gradients[1]);
        AssertClose(v.grad!, gradients[2]);
    }

    [Fact]
    public void Attention_takes_a_mask_and_refuses_what_does_not_fit()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor q = randn(1, 4, 5, 8), k = randn(1, 2, 7, 8), v = randn(1, 2, 7, 8);
        Tensor mask = zeros(5, 7, ScalarType.Bool);
        mask[TensorIndex.Colon, 3] = true;
        Tensor seen = ScaledDotProductAttention.Apply(q, k, v, mask);
        Tensor only = v[TensorIndex.Colon, TensorIndex.Colon, 3].repeat_interleave(2, 1).unsqueeze(2);
        AssertClose(only.expand(1, 4, 5, 8), seen);
        Assert.Throws<ArgumentException>("mask", () => ScaledDotProductAttention.Apply(q, k, v, zeros(5, 6)));
        Assert.Throws<ArgumentException>("mask", () => ScaledDotProductAttention.Apply(q, k, v, mask, causal: true));
        Assert.Throws<ArgumentException>("key", () => ScaledDotProductAttention.Apply(q, randn(1, 3, 7, 8), v));
        Assert.Throws<ArgumentException>("value", () => ScaledDotProductAttention.Apply(q, k, randn(1, 2, 6, 8)));
    }

    [Fact]
    public void Rms_norm_matches_the_formula_forward_and_backward()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = randn(3, 4, 16, requires_grad: true), w = randn(16, requires_grad: true), weight = randn(3, 4, 16);
        Tensor fused = RmsNorm.Apply(x, w, 1e-5);
        (fused * weight).sum().backward();
        (Tensor dx, Tensor dw) = (x.grad!.clone(), w.grad!.clone());
        x.grad!.zero_();
        w.grad!.zero_();
        Tensor plain = x * (x.square().mean([-1], keepdim: true) + 1e-5).rsqrt() * w;
        (plain * weight).sum().backward();
        AssertClose(plain, fused);
        AssertClose(x.grad!, dx);
        AssertClose(w.grad!, dw, 1e-4);
        AssertClose(plain / w, RmsNorm.Apply(x, null, 1e-5), 1e-4);
        Assert.Throws<ArgumentException>("weight", () => RmsNorm.Apply(x, ones(8), 1e-5));
    }

    [Theory]
    [InlineData(ScalarType.Float32, 1e-4)]
    [InlineData(ScalarType.BFloat16, 0.25)]
    public void Grouped_products_match_a_loop_forward_and_backward(ScalarType type, double tolerance)
    {
        using DisposeScope scope = NewDisposeScope();
        int[] ends = [3, 3, 10, 12]; // the second group is empty
        Tensor x = randn(12, 16).to(type).requires_grad_(), w = randn(4, 16, 24).to(type).requires_grad_();
        Tensor weight = randn(12, 24).to(type);
        Tensor grouped = GroupedMm.Apply(x, w, tensor(ends));
        grouped.backward([weight]);
        (Tensor dx, Tensor dw) = (x.grad!.clone(), w.grad!.clone());
        for (int e = 0, start = 0; e < 4; start = ends[e++])
        {
            if (ends[e] == start)
            {
                Assert.Equal(0f, dw[e].abs().max().to(ScalarType.Float32).item<float>());
                continue;
            }
            Tensor rows = x.detach().narrow(0, start, ends[e] - start);
            Tensor g = weight.narrow(0, start, ends[e] - start);
            AssertClose(rows.mm(w.detach()[e]).to(ScalarType.Float32),
                grouped.detach().narrow(0, start, ends[e] - start).to(ScalarType.Float32), tolerance);
            AssertClose(g.mm(w.detach()[e].t()).to(ScalarType.Float32),
                dx.narrow(0, start, ends[e] - start).to(ScalarType.Float32), tolerance);
            AssertClose(rows.t().mm(g).to(ScalarType.Float32), dw[e].to(ScalarType.Float32), tolerance);
        }
    }

    [Fact]
    public void Grouped_products_refuse_offsets_and_strides_that_would_misread_memory()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = randn(4, 8), w = randn(2, 8, 8);
        Assert.Throws<ArgumentException>("offsets", () => GroupedMm.Apply(x, w, tensor(new[] { 3, 5 })));
        Assert.Throws<ArgumentException>("offsets", () => GroupedMm.Apply(x, w, tensor(new[] { 4, 3 })));
        Assert.Throws<ArgumentException>("offsets", () => GroupedMm.Apply(x, w, tensor(new[] { 4 })));
        Assert.Throws<ArgumentException>("offsets", () => GroupedMm.Apply(x, w, tensor(new[] { 2L, 4L })));
        Tensor unaligned = randn(4, 9).narrow(1, 0, 8);
        Assert.Throws<ArgumentException>("x", () => GroupedMm.Apply(unaligned, w, tensor(new[] { 2, 4 })));
        Assert.Throws<ArgumentException>("weights", () => GroupedMm.Apply(x, randn(2, 7, 8), tensor(new[] { 2, 4 })));
    }

    [Fact]
    public void An_operator_that_fails_is_an_exception_that_names_it()
    {
        using Tensor x = zeros(2);
        static void CallUnknown(Tensor x)
        {
            using DispatcherCall call = new("aten::_no_such_operator"u8, ""u8);
            call.Add(x);
            call.Invoke();
        }
        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => CallUnknown(x));
        Assert.Contains("_no_such_operator", e.Message, StringComparison.Ordinal);
    }
}
