using Mazij.Kernels;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mazij.Benchmarks.Eager;

/// <summary>RMSNorm of the last dimension, out of operators, in fp32; the result has the input's type.</summary>
internal sealed class EagerRmsNorm : nn.Module<Tensor, Tensor>, IEagerPart
{
    private readonly Parameter weight;
    private readonly double epsilon;

    public EagerRmsNorm(long width, double epsilon, ScalarType type) : base(nameof(EagerRmsNorm))
    {
        this.epsilon = epsilon;
        weight = (Parameter)new Parameter(ones(width, type)).DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor wide = input.to(ScalarType.Float32);
        Tensor variance = wide.square().mean([-1L], keepdim: true);
        Tensor normed = wide.mul(variance.add(Scalars.Of(epsilon), Scalars.One).rsqrt());
        return normed.mul(weight.to(ScalarType.Float32)).to(input.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public IEnumerable<(Tensor Eager, Tensor Ours)> Match(string prefix, Func<string, Tensor> ours) => [(weight, ours(prefix + "weight"))];
}
