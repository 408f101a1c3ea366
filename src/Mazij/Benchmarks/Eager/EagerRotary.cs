using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Benchmarks.Eager;

/// <summary>Rotary position embedding of whole heads: x cos + rotate_half(x) sin.</summary>
internal sealed class EagerRotary : IDisposable
{
    private readonly Tensor cos_SW, sin_SW;

    public EagerRotary(long headDim, double theta, long positions, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable gradientsOff = no_grad();
        Tensor exponent_H = arange(0, headDim, 2, dtype: ScalarType.Float64).div(headDim);
        Tensor frequency_H = pow(tensor(theta, ScalarType.Float64), exponent_H).reciprocal();
        Tensor angle_SH = outer(arange(positions, dtype: ScalarType.Float64), frequency_H);
        Tensor angle_SW = cat([angle_SH, angle_SH], -1);
        cos_SW = angle_SW.cos().to(type).DetachFromDisposeScope();
        sin_SW = angle_SW.sin().to(type).DetachFromDisposeScope();
    }

    /// <summary>x [batch, heads, seq, head_dim], rotated.</summary>
    public Tensor Apply(Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] halves = x.chunk(2, -1);
        Tensor rotated = cat([halves[1].neg(), halves[0]], -1);
        return x.mul(cos_SW).add(rotated.mul(sin_SW)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        cos_SW.Dispose();
        sin_SW.Dispose();
    }
}
