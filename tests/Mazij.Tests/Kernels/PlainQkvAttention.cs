using Mazij.Kernels.Tiles;

namespace Mazij.Tests.Kernels;

/// <summary>Attention from the rows of q, k, v to the context in float64 loops, and its gradient written out the plain way.</summary>
internal sealed class PlainQkvAttention(HeadLayout layout, int seq, int rotated, double theta, double? epsilon)
{
    /// <summary>What becomes of a probability before it weighs a value.</summary>
    public Func<double, double> Rounded { get; init; } = probability => probability;

    private readonly int headDim = (int)layout.HeadDim, heads = (int)layout.Heads, keyHeads = (int)layout.KeyValueHeads;

    /// <summary>The context [tokens, H x W].</summary>
    public double[] Context(double[] qkv, double[] queryGain, double[] keyGain)
    {
        double[] context = new double[layout.Batch * seq * layout.ContextWidth];
        ForEachHead((b, head) =>
        {
            (double[][] q, double[][] k, double[][] v, double[][] p) = Weights(qkv, queryGain, keyGain, b, head);
            for (int i = 0; i < q.Length; i++)
            {
                for (int j = 0; j <= i; j++)
                    Add(context.AsSpan(At(b, i, head, layout.ContextWidth), headDim), v[j], p[i][j]);
            }
        });
        return context;
    }

    /// <summary>Gradients of the rows and of the gains, from that of the context.</summary>
    public (double[] Qkv, double[] QueryGain, double[] KeyGain) Gradient(
        double[] qkv, double[] queryGain, double[] keyGain, double[] gradContext)
    {
        double[] gradQkv = new double[qkv.Length], gradQueryGain = new double[headDim], gradKeyGain = new double[headDim];
        ForEachHead((b, head) =>
        {
            (double[][] q, double[][] k, double[][] v, double[][] p) = Weights(qkv, queryGain, keyGain, b, head);
            int keyHead = heads + head / (heads / keyHeads);
            double[][] dk = [.. k.Select(row => new double[row.Length])];
            for (int i = 0; i < seq; i++)
            {
                ReadOnlySpan<double> gradient = gradContext.AsSpan(At(b, i, head, layout.ContextWidth), headDim);
                double[] dp = new double[i + 1], dq = new double[headDim];
                double mean = 0;
                for (int j = 0; j <= i; j++)
                {
                    dp[j] = Numbers.Dot(gradient, v[j]);
                    mean += p[i][j] * dp[j];
                    Add(gradQkv.AsSpan(At(b, j, keyHead + keyHeads, layout.QkvWidth), headDim), gradient, p[i][j]);
                }
                for (int j = 0; j <= i; j++)
                {
                    double ds = p[i][j] * (dp[j] - mean) / Math.Sqrt(headDim);
                    Add(dq, k[j], ds);
                    Add(dk[j], q[i], ds);
                }
                RowGradient(qkv, At(b, i, head, layout.QkvWidth), i, queryGain, dq, gradQkv, gradQueryGain);
            }
            for (int j = 0; j < seq; j++)
                RowGradient(qkv, At(b, j, keyHead, layout.QkvWidth), j, keyGain, dk[j], gradQkv, gradKeyGain);
        });
        return (gradQkv, gradQueryGain, gradKeyGain);
    }

    private void ForEachHead(Action<int, int> action)
    {
        for (int b = 0; b < layout.Batch; b++)
        {
            for (int head = 0; head < heads; head++)
                action(b, head);
        }
    }

    private int At(int sequence, int position, int head, long width) =>
        (int)((sequence * seq + position) * width) + head * headDim;

    private (double[][] Q, double[][] K, double[][] V, double[][] P) Weights(
        double[] qkv, double[] queryGain, double[] keyGain, int b, int head)
    {
        int keyHead = heads + head / (heads / keyHeads);
        double[][] q = [.. Enumerable.Range(0, seq).Select(i => Row(qkv, At(b, i, head, layout.QkvWidth), i, queryGain))];
        double[][] k = [.. Enumerable.Range(0, seq).Select(i => Row(qkv, At(b, i, keyHead, layout.QkvWidth), i, keyGain))];
        double[][] v = [.. Enumerable.Range(0, seq).Select(i => qkv.AsSpan(At(b, i, keyHead + keyHeads, layout.QkvWidth), headDim).ToArray())];
        double[][] p = new double[seq][];
        for (int i = 0; i < seq; i++)
        {
            double[] scores = [.. Enumerable.Range(0, i + 1).Select(j => Numbers.Dot(q[i], k[j]) / Math.Sqrt(headDim))];
            double largest = scores.Max(), total = scores.Sum(score => Math.Exp(score - largest));
            p[i] = [.. scores.Select(score => Rounded(Math.Exp(score - largest) / total))];
        }
        return (q, k, v, p);
    }

    private double[] Row(double[] qkv, int at, int position, double[] gain)
    {
        double[] row = qkv.AsSpan(at, headDim).ToArray();
        if (epsilon is double eps)
        {
            double r = 1 / Math.Sqrt(Numbers.Dot(row, row) / headDim + eps);
            for (int i = 0; i < headDim; i++)
                row[i] *= r * gain[i];
        }
        Rotate(row, position);
        return row;
    }

    private void RowGradient(
        double[] qkv, int at, int position, double[] gain, double[] gradient, double[] gradQkv, double[] gradGain)
    {
        Rotate(gradient, -position);
        if (epsilon is double eps)
        {
            double[] x = qkv.AsSpan(at, headDim).ToArray();
            double r = 1 / Math.Sqrt(Numbers.Dot(x, x) / headDim + eps), mean = 0;
            for (int i = 0; i < headDim; i++)
            {
                gradGain[i] += gradient[i] * x[i] * r;
                gradient[i] *= gain[i];
                mean += gradient[i] * x[i] * r / headDim;
            }
            for (int i = 0; i < headDim; i++)
                gradient[i] = r * (gradient[i] - x[i] * r * mean);
        }
        Add(gradQkv.AsSpan(at, headDim), gradient, 1);
    }

    private void Rotate(double[] row, int position)
    {
        for (int j = 0; j < rotated / 2; j++)
        {
            (double sin, double cos) = Math.SinCos(position * Math.Pow(theta, -2.0 * j / rotated));
            (double a, double b) = (row[j], row[j + rotated / 2]);
            row[j] = a * cos - b * sin;
            row[j + rotated / 2] = b * cos + a * sin;
        }
    }

    private static void Add(Span<double> target, ReadOnlySpan<double> row, double factor)
    {
        for (int i = 0; i < target.Length; i++)
            target[i] += factor * row[i];
    }
}
