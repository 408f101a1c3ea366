using Mazij.Kernels;
using Mazij.Kernels.Tiles;
using Mazij.Tests.Kernels.Simd;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels;

public sealed class QkvAttentionTests
{
    private const double Theta = 100, Epsilon = 1e-3;

    /// <summary>Batch, heads, key heads, tokens, head_dim, rotated numbers, norm. The last two have several chunks of keys
    /// and spans of queries.</summary>
    public static TheoryData<int, int, int, int, int, int, bool> Shapes => new()
    {
        { 1, 1, 1, 1, 8, 8, false },
        { 2, 2, 1, 1, 64, 32, true },
        { 2, 4, 2, 5, 8, 4, true },
        { 1, 3, 1, 33, 6, 2, true },
        { 1, 2, 2, 63, 40, 40, false },
        { 2, 4, 2, 64, 64, 64, false },
        { 1, 4, 1, 65, 64, 32, true },
        { 1, 2, 1, 130, 80, 34, true },
        { 1, 2, 2, 97, 96, 96, false },
        { 1, 2, 1, 129, 128, 64, true },
        { 1, 2, 1, 200, 33, 10, true },
        { 1, 2, 1, 600, 16, 16, false },
        { 1, 1, 1, 1100, 8, 8, true },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Single_precision_follows_the_formula(int batch, int heads, int keyHeads, int seq, int headDim, int rotated, bool norm) =>
        FollowsTheFormula(new HeadLayout(batch, heads, keyHeads, headDim), seq, rotated, norm, ScalarType.Float32, 2e-5, false);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Bf16_follows_the_formula(int batch, int heads, int keyHeads, int seq, int headDim, int rotated, bool norm) =>
        FollowsTheFormula(new HeadLayout(batch, heads, keyHeads, headDim), seq, rotated, norm, ScalarType.BFloat16, 0.02, false);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Plain_operators_follow_the_formula(int batch, int heads, int keyHeads, int seq, int headDim, int rotated, bool norm) =>
        FollowsTheFormula(new HeadLayout(batch, heads, keyHeads, headDim), seq, rotated, norm, ScalarType.Float32, 2e-5, true);

    [Theory]
    [InlineData(1, 8, 4, true)]
    [InlineData(3, 5, 4, true)]
    [InlineData(2, 6, 6, false)]
    public void The_plain_gradient_is_that_of_central_differences(int seq, int headDim, int rotated, bool norm)
    {
        HeadLayout layout = new(1, 4, 2, headDim);
        PlainQkvAttention plain = new(layout, seq, rotated, Theta, norm ? Epsilon : null);
        double[] qkv = Numbers.Normal(seq * layout.QkvWidth, 1), weights = Numbers.Normal(seq * layout.ContextWidth, 2);
        double[] queryGain = Numbers.Normal(headDim, 3), keyGain = Numbers.Normal(headDim, 4);
        double Objective() => Numbers.Dot(plain.Context(qkv, queryGain, keyGain), weights);
        (double[] gradQkv, double[] gradQuery, double[] gradKey) = plain.Gradient(qkv, queryGain, keyGain, weights);
        Close(Numbers.Gradient(Objective, qkv), gradQkv);
        Close(Numbers.Gradient(Objective, queryGain), gradQuery);
        Close(Numbers.Gradient(Objective, keyGain), gradKey);

        static void Close(double[] expected, double[] actual)
        {
            for (int i = 0; i < expected.Length; i++)
                Assert.Equal(expected[i], actual[i], 1e-7);
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void The_number_of_threads_changes_nothing(ScalarType type)
    {
        KernelComparison.RequireTiles(type);
        using DisposeScope scope = NewDisposeScope();
        HeadLayout layout = new(2, 4, 2, 48);
        const int seq = 530;
        using RotaryEmbedding rotary = new(24, Theta, seq, CPU);
        Tensor qkv = KernelComparison.Random(1, type, 2 * seq, layout.QkvWidth);
        Tensor gradient = KernelComparison.Random(2, type, 2 * seq, layout.ContextWidth);
        QkNorm norm = new(KernelComparison.Random(3, type, 48), KernelComparison.Random(4, type, 48), Epsilon);
        KernelComparison.AssertSameForAnyThreads(() => Run(qkv, gradient, layout, norm, rotary, portable: false));
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void The_future_cannot_be_seen(ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        HeadLayout layout = new(1, 2, 1, 16);
        using RotaryEmbedding rotary = new(16, Theta, 150, CPU);
        Tensor qkv = KernelComparison.Random(1, type, 150, layout.QkvWidth), changed = qkv.clone();
        Tensor gradient = KernelComparison.Random(2, type, 150, layout.ContextWidth);
        gradient.narrow(0, 70, 80).fill_(Scalars.Of(0));
        changed.narrow(0, 70, 80).mul_(Scalars.Of(1e3));
        Tensor[] before = Run(qkv, gradient, layout, null, rotary, portable: false);
        Tensor[] after = Run(changed, gradient, layout, null, rotary, portable: false);
        for (int i = 0; i < 2; i++)
            Assert.Equal(Numbers.Doubles(before[i].narrow(0, 0, 70)), Numbers.Doubles(after[i].narrow(0, 0, 70)));
        Assert.Equal(0, Numbers.Doubles(after[1].narrow(0, 70, 80)).Max(Math.Abs));
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Scores_beyond_the_range_of_exp_stay_finite(ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        HeadLayout layout = new(1, 1, 1, 32);
        using RotaryEmbedding rotary = new(2, Theta, 600, CPU);
        Tensor qkv = KernelComparison.Random(1, type, 600, layout.QkvWidth).mul(Scalars.Of(30));
        Tensor gradient = KernelComparison.Random(2, type, 600, layout.ContextWidth);
        foreach (Tensor result in Run(qkv, gradient, layout, null, rotary, portable: false))
            Assert.All(Numbers.Doubles(result), value => Assert.True(double.IsFinite(value)));
    }

    [Theory]
    [InlineData(ScalarType.Float32, float.NaN)]
    [InlineData(ScalarType.BFloat16, float.NaN)]
    [InlineData(ScalarType.Float32, float.PositiveInfinity)]
    [InlineData(ScalarType.BFloat16, float.PositiveInfinity)]
    public void A_bad_number_is_not_hidden(ScalarType type, float bad)
    {
        using DisposeScope scope = NewDisposeScope();
        HeadLayout layout = new(1, 1, 1, 32);
        using RotaryEmbedding rotary = new(32, Theta, 70, CPU);
        Tensor gradient = KernelComparison.Random(2, type, 70, 32);
        for (int head = 0; head < 3; head++)
        {
            Tensor qkv = KernelComparison.Random(1, type, 70, layout.QkvWidth);
            qkv.narrow(0, 40, 1).narrow(1, 32 * head + 5, 1).fill_(Scalars.Of(bad));
            double[][] results = [.. Run(qkv, gradient, layout, null, rotary, portable: false).Take(2).Select(Numbers.Doubles)];
            Assert.Contains(results[0][(40 * 32)..(41 * 32)], value => !double.IsFinite(value));
            Assert.Contains(results[1], value => !double.IsFinite(value));
        }
    }

    [Fact]
    public void Tensors_that_do_not_fit_are_refused()
    {
        // Raw memory has nobody behind it who checks; libtorch's operators refuse with errors of their own.
        KernelComparison.RequireTiles(ScalarType.Float32);
        using DisposeScope scope = NewDisposeScope();
        HeadLayout layout = new(2, 4, 2, 8);
        using RotaryEmbedding rotary = new(8, Theta, 5, CPU);
        QkNorm wide = new(ones(9), ones(8), Epsilon);
        Assert.Throws<ArgumentException>(() => QkvAttention.Forward(randn(10, 63), layout, null, rotary));
        Assert.Throws<ArgumentException>(() => QkvAttention.Forward(randn(9, 64), layout, null, rotary));
        Assert.Throws<ArgumentException>(() => QkvAttention.Forward(randn(12, 64), layout, null, rotary));
        Assert.Throws<ArgumentException>(() => QkvAttention.Forward(randn(10, 64), layout, wide, rotary));
        using QkvAttention.Tape tape = QkvAttention.Forward(randn(10, 64), layout, null, rotary);
        Assert.Throws<ArgumentException>(() => QkvAttention.Backward(randn(8, 32), tape, layout, null, rotary, null, null));
    }

    private static void FollowsTheFormula(
        HeadLayout layout, int seq, int rotated, bool withNorm, ScalarType type, double tolerance, bool portable)
    {
        using DisposeScope scope = NewDisposeScope();
        using RotaryEmbedding rotary = new(rotated, Theta, seq + 3, CPU);
        (Tensor qkv, double[] rows) = Numbers.Draw(1, type, layout.Batch * seq, layout.QkvWidth);
        (Tensor gradient, double[] weights) = Numbers.Draw(2, type, layout.Batch * seq, layout.ContextWidth);
        (Tensor queryGain, double[] queryGains) = Numbers.Draw(3, type, layout.HeadDim);
        (Tensor keyGain, double[] keyGains) = Numbers.Draw(4, type, layout.HeadDim);
        PlainQkvAttention plain = new(layout, seq, rotated, Theta, withNorm ? Epsilon : null);
        QkNorm? norm = withNorm ? new(queryGain, keyGain, Epsilon) : null;

        Tensor[] results = Run(qkv, gradient, layout, norm, rotary, portable);
        Numbers.AssertClose(plain.Context(rows, queryGains, keyGains), results[0], tolerance, "context");
        (double[] gradQkv, double[] gradQuery, double[] gradKey) = plain.Gradient(rows, queryGains, keyGains, weights);
        Numbers.AssertClose(gradQkv, results[1], tolerance, "gradient of q, k, v");
        if (!withNorm)
            return;
        // One key has the weight 1 whatever its score: these gradients are 0, and with the 1 that was there before, 1.
        Numbers.AssertClose([.. gradQuery.Select(value => value + 1)], results[2], tolerance, "gradient of the query gain");
        Numbers.AssertClose([.. gradKey.Select(value => value + 1)], results[3], tolerance, "gradient of the key gain");
    }

    // Context, gradient of q, k, v, and the gradients of the gains, added to ones.
    private static Tensor[] Run(
        Tensor qkv, Tensor gradient, HeadLayout layout, QkNorm? norm, RotaryEmbedding rotary, bool portable)
    {
        Tensor gradQueryGain = ones(layout.HeadDim), gradKeyGain = ones(layout.HeadDim);
        using QkvAttention.Tape tape = QkvAttention.Forward(qkv.clone(), layout, norm, rotary, portable);
        Tensor gradQkv = QkvAttention.Backward(gradient, tape, layout, norm, rotary, gradQueryGain, gradKeyGain);
        return [tape.Context_TC.clone(), gradQkv, gradQueryGain, gradKeyGain];
    }
}
