using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mazij.Benchmarks.Eager;

/// <summary>A SwiGLU MLP of three linear layers: one expert, or the shared experts.</summary>
internal sealed class EagerMlp : nn.Module<Tensor, Tensor>, IEagerPart
{
    private readonly Linear gate, up, down;

    public EagerMlp(long hidden, long width, ScalarType type) : base(nameof(EagerMlp))
    {
        gate = nn.Linear(hidden, width, hasBias: false, dtype: type);
        up = nn.Linear(hidden, width, hasBias: false, dtype: type);
        down = nn.Linear(width, hidden, hasBias: false, dtype: type);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        return down.call(nn.functional.silu(gate.call(input)).mul(up.call(input))).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public IEnumerable<(Tensor Eager, Tensor Ours)> Match(string prefix, Func<string, Tensor> ours) =>
        Match(ours(prefix + "gate_up_proj"), ours(prefix + "down_proj"));

    /// <summary>As <see cref="Match(string, Func{string, Tensor})"/>, from the tensors of one expert.</summary>
    /// <param name="gateUp">[2 x width, hidden], gate rows first.</param>
    /// <param name="ourDown">[hidden, width].</param>
    public IEnumerable<(Tensor Eager, Tensor Ours)> Match(Tensor gateUp, Tensor ourDown)
    {
        Tensor[] halves = gateUp.chunk(2, 0);
        return [(gate.weight!, halves[0]), (up.weight!, halves[1]), (down.weight!, ourDown)];
    }
}
