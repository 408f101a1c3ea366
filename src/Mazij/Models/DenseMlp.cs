using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Models;

/// <summary>A SwiGLU MLP: y = Down(silu(Gate x) Up x). Dense layers and the shared experts are one each.</summary>
internal sealed class DenseMlp(ParameterSet parameters, string prefix)
{
    private readonly Parameter gateUp = parameters[prefix + "gate_up_proj"], down = parameters[prefix + "down_proj"];

    /// <summary>What the backward pass needs.</summary>
    public sealed class Tape(Tensor gateUp, Tensor hidden) : IDisposable
    {
        internal Tensor GateUp { get; } = gateUp;
        internal Tensor Hidden { get; } = hidden;

        /// <inheritdoc/>
        public void Dispose()
        {
            GateUp.Dispose();
            Hidden.Dispose();
        }
    }

    /// <summary>y [tokens, hidden] for x [tokens, hidden]; the caller keeps x.</summary>
    public (Tensor Output, Tape Tape) Forward(Tensor x)
    {
        Tensor projected = Linear.Forward(x, gateUp.Compute).DetachFromDisposeScope();
        Tensor hidden = SwiGlu.Forward(projected).DetachFromDisposeScope();
        return (Linear.Forward(hidden, down.Compute), new Tape(projected, hidden));
    }

    /// <summary>Gradient of x; weight gradients are added to the parameters'.</summary>
    public Tensor Backward(Tensor gradient, Tensor x, Tape tape)
    {
        using DisposeScope scope = NewDisposeScope();
        Linear.AccumulateWeightGradient(down.Gradient, gradient, tape.Hidden);
        Tensor gradGateUp = SwiGlu.Backward(Linear.InputGradient(gradient, down.Compute), tape.GateUp);
        Linear.AccumulateWeightGradient(gateUp.Gradient, gradGateUp, x);
        return Linear.InputGradient(gradGateUp, gateUp.Compute).MoveToOuterDisposeScope();
    }
}
