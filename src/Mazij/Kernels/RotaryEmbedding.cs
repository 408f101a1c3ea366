using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels;

/// <summary>
/// Rotary position embedding, half-split layout: the first R dimensions of each head form R/2 pairs (j, j + R/2); pair j
/// at position p turns by the angle p theta^(-2j/R). Angles are computed in fp64 and kept in fp32 (in bf16 position 257
/// would become 256). The gradient is the rotation by the opposite angle.
/// </summary>
internal sealed unsafe class RotaryEmbedding : IDisposable
{
    private readonly Tensor cos_SH, sin_SH;
    private readonly long half;

    /// <summary>Tables for positions 0 .. positions - 1.</summary>
    public RotaryEmbedding(long rotaryDim, double theta, long positions, Device device)
    {
        half = rotaryDim / 2;
        Positions = positions;
        float[] cos = new float[positions * half], sin = new float[positions * half];
        for (long j = 0; j < half; j++)
        {
            double frequency = Math.Pow(theta, -2.0 * j / rotaryDim);
            for (long p = 0; p < positions; p++)
                (sin[p * half + j], cos[p * half + j]) = SinCosOf(p * frequency);
        }
        using (NewDisposeScope())
        {
            cos_SH = tensor(cos, [positions, 1, half]).to(device).DetachFromDisposeScope();
            sin_SH = tensor(sin, [positions, 1, half]).to(device).DetachFromDisposeScope();
        }
    }

    /// <summary>Positions in the tables.</summary>
    public long Positions { get; }

    /// <summary>Pairs of a head that are turned, R/2.</summary>
    public long Half => half;

    /// <summary>The cosines [positions, R/2] on the CPU; valid until this is disposed.</summary>
    public float* Cosines => TensorMemory.Pointer<float>(cos_SH);

    /// <summary>The sines [positions, R/2] on the CPU; valid until this is disposed.</summary>
    public float* Sines => TensorMemory.Pointer<float>(sin_SH);

    /// <summary>Rotates x [batch, seq, heads, head_dim], whose first position is <paramref name="start"/>.</summary>
    /// <param name="x">Any strides; the result is contiguous.</param>
    /// <param name="start">Position of the first row in the tables.</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    public Tensor Forward(Tensor x, long start, bool portable = false) => Rotate(x, start, backward: false, portable);

    /// <summary>Gradient of the input of <see cref="Forward"/> from the gradient of its result.</summary>
    /// <param name="gradient">Any strides; the result is contiguous.</param>
    /// <param name="start">As in <see cref="Forward"/>.</param>
    /// <param name="portable">Whether to use plain operators on the CPU too.</param>
    public Tensor Backward(Tensor gradient, long start, bool portable = false) =>
        Rotate(gradient, start, backward: true, portable);

    /// <inheritdoc/>
    public void Dispose()
    {
        cos_SH.Dispose();
        sin_SH.Dispose();
    }

    private Tensor Rotate(Tensor x, long start, bool backward, bool portable)
    {
        using DisposeScope scope = NewDisposeScope();
        long seq = x.shape[1];
        Tensor result = empty(x.shape, dtype: x.dtype, device: x.device);
        Tensor cos = cos_SH.narrow(0, start, seq), sin = sin_SH.narrow(0, start, seq);
        if (!portable && StridedRows.Serve(x))
        {
            RotaryRows.Rotate(StridedRows.Addressable(x), cos, sin, half, backward ? -1 : 1, result);
            return result.MoveToOuterDisposeScope();
        }
        (cos, sin) = (cos.to(x.dtype), sin.to(x.dtype));
        Tensor first = x.narrow(-1, 0, half), second = x.narrow(-1, half, half);
        Tensor firstOut = result.narrow(-1, 0, half), secondOut = result.narrow(-1, half, half);
        Tensor firstSin = first.mul(sin), secondSin = second.mul(sin);
        firstOut.copy_(first.mul(cos));
        secondOut.copy_(second.mul(cos));
        if (backward)
        {
            firstOut.add_(secondSin, Scalars.One);
            secondOut.sub_(firstSin);
        }
        else
        {
            firstOut.sub_(secondSin);
            secondOut.add_(firstSin, Scalars.One);
        }
        long rest = x.shape[^1] - 2 * half;
        if (rest > 0)
            result.narrow(-1, 2 * half, rest).copy_(x.narrow(-1, 2 * half, rest));
        return result.MoveToOuterDisposeScope();
    }

    private static (float Sin, float Cos) SinCosOf(double angle)
    {
        (double sin, double cos) = Math.SinCos(angle);
        return ((float)sin, (float)cos);
    }
}
