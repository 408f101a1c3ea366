using static TorchSharp.torch;

namespace Mazij.Benchmarks.Eager;

/// <summary>The routed experts: (x [tokens, hidden], weights [tokens, k] fp32, choices [tokens, k]) to [tokens, hidden].</summary>
internal abstract class EagerExperts(string name) : nn.Module<Tensor, Tensor, Tensor, Tensor>(name), IEagerPart
{
    /// <inheritdoc/>
    public abstract IEnumerable<(Tensor Eager, Tensor Ours)> Match(string prefix, Func<string, Tensor> ours);
}
