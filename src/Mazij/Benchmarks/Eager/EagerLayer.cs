using Mazij.Kernels;
using Mazij.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Benchmarks.Eager;

/// <summary>x += Attention(RMSNorm(x)); x += MoE(RMSNorm(x)).</summary>
internal sealed class EagerLayer : nn.Module<Tensor, EagerRotary, (Tensor Output, Tensor Objective)>, IEagerPart
{
    private readonly EagerRmsNorm inputNorm, postAttentionNorm;
    private readonly EagerAttention attention;
    private readonly EagerMoe moe;

    public EagerLayer(ModelConfig config, ScalarType type, EagerMoe moe) : base(nameof(EagerLayer))
    {
        this.moe = moe;
        inputNorm = new EagerRmsNorm(config.HiddenSize, config.RmsNormEps, type);
        attention = new EagerAttention(config, type);
        postAttentionNorm = new EagerRmsNorm(config.HiddenSize, config.RmsNormEps, type);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override (Tensor Output, Tensor Objective) forward(Tensor x_BSD, EagerRotary rotary)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor middle = x_BSD.add(attention.call(inputNorm.call(x_BSD), rotary), Scalars.One);
        (Tensor output, Tensor objective) = moe.call(postAttentionNorm.call(middle));
        return (middle.add(output, Scalars.One).MoveToOuterDisposeScope(), objective.MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public IEnumerable<(Tensor Eager, Tensor Ours)> Match(string prefix, Func<string, Tensor> ours) =>
    [
        .. inputNorm.Match(prefix + "input_layernorm.", ours),
        .. attention.Match(prefix + "attention.", ours),
        .. postAttentionNorm.Match(prefix + "post_attention_layernorm.", ours),
        .. moe.Match(prefix + "mlp.", ours),
    ];
}
