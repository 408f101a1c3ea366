using static TorchSharp.torch;

namespace Mazij.Benchmarks.Eager;

/// <summary>A part of the eager model that knows which of our parameters its own correspond to.</summary>
internal interface IEagerPart
{
    /// <summary>Each of the part's parameters and the tensor of the same shape on our side.</summary>
    /// <param name="prefix">The beginning of our parameters' names.</param>
    /// <param name="ours">Our tensor of a full name: a weight, or its gradient.</param>
    IEnumerable<(Tensor Eager, Tensor Ours)> Match(string prefix, Func<string, Tensor> ours);
}
