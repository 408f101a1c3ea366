using Mazij.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Models;

/// <summary>The weights of one set of SwiGLU experts, or of one dense MLP.</summary>
internal sealed class ExpertParameters(ParameterSet parameters, string prefix)
{
    /// <summary>Gate rows, then up rows.</summary>
    public Parameter GateUp { get; } = parameters[prefix + "gate_up_proj"];

    /// <summary>Down projection.</summary>
    public Parameter Down { get; } = parameters[prefix + "down_proj"];

    /// <summary>The values to compute with.</summary>
    public ExpertWeights Compute => new(GateUp.Compute, Down.Compute);
}

/// <summary>
/// The SwiGLU MLPs of a layer: routed experts, a shared expert that sees every token, or the shared one alone, which is a
/// dense MLP. On the CPU all of them are one call (<see cref="TiledExperts"/>); elsewhere large products do the work.
/// </summary>
/// <param name="routed">The routed experts, or null.</param>
/// <param name="shared">The shared expert or dense MLP, or null.</param>
/// <param name="portable">Whether to use plain operators on the CPU too.</param>
internal sealed class ExpertMlp(ExpertParameters? routed, ExpertParameters? shared, bool portable)
{
    // Below this many tokens packing the weights costs more than the product.
    private const long FewTokens = 16;

    /// <summary>What the backward pass needs.</summary>
    public sealed class Tape : IDisposable
    {
        internal Tape(TiledExperts.Tape tiles) => Tiles = tiles;

        internal Tape(GroupedExperts.Tape? grouped, DenseTape? dense) => (Grouped, Dense) = (grouped, dense);

        internal TiledExperts.Tape? Tiles { get; }

        internal GroupedExperts.Tape? Grouped { get; }

        internal DenseTape? Dense { get; }

        /// <inheritdoc/>
        public void Dispose()
        {
            Tiles?.Dispose();
            Grouped?.Dispose();
            Dense?.Dispose();
        }
    }

    /// <summary>Gate, up and the activation of a dense MLP out of large products.</summary>
    internal sealed record DenseTape(Tensor GateUp, Tensor Hidden) : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose()
        {
            GateUp.Dispose();
            Hidden.Dispose();
        }
    }

    /// <summary>residual + routed experts + shared expert of x [tokens, hidden]; the caller keeps x.</summary>
    /// <param name="x">Hidden states.</param>
    /// <param name="residual">Added to the result; null for none.</param>
    /// <param name="weights_TK">Weights of the choices, fp32; null without routed experts.</param>
    /// <param name="permutation">Rows by expert; null without routed experts.</param>
    public (Tensor Output, Tape Tape) Forward(Tensor x, Tensor? residual, Tensor? weights_TK, TokenPermutation? permutation)
    {
        using KernelClock.Span time = KernelClock.Time(KernelName.Experts);
        if (UsesTiles(x))
        {
            (Tensor tiled, TiledExperts.Tape tape) = TiledExperts.Forward(x, residual, RoutedOf(weights_TK, permutation), shared?.Compute);
            return (tiled, new Tape(tape));
        }
        using DisposeScope scope = NewDisposeScope();
        Tensor? output = null;
        GroupedExperts.Tape? grouped = null;
        DenseTape? dense = null;
        if (routed is not null)
            (output, grouped) = GroupedExperts.Forward(x, weights_TK!, permutation!, routed.GateUp.Compute, routed.Down.Compute, portable);
        if (shared is not null)
        {
            dense = Activate(x, shared);
            Tensor sharedOutput = Linear.Forward(dense.Hidden, shared.Down.Compute, portable: portable);
            output = output is null ? sharedOutput : output.add_(sharedOutput, Scalars.One);
        }
        if (residual is not null)
            output!.add_(residual, Scalars.One);
        return (output!.MoveToOuterDisposeScope(), new Tape(grouped, dense));
    }

    /// <summary>What the backward pass needs, bit by bit as <see cref="Forward"/> left it, without the output.</summary>
    /// <param name="x">As in the forward pass, as are the next two.</param>
    /// <param name="weights_TK">Weights of the choices.</param>
    /// <param name="permutation">Rows by expert.</param>
    public Tape Recompute(Tensor x, Tensor? weights_TK, TokenPermutation? permutation)
    {
        using KernelClock.Span time = KernelClock.Time(KernelName.Experts);
        if (UsesTiles(x))
            return new Tape(TiledExperts.Recompute(x, RoutedOf(weights_TK, permutation), shared?.Compute));
        GroupedExperts.Tape? grouped = routed is null
            ? null
            : GroupedExperts.Recompute(x, weights_TK!, permutation!, routed.GateUp.Compute, portable);
        return new Tape(grouped, shared is null ? null : Activate(x, shared));
    }

    /// <summary>Gradients of x and of the weights of the choices (null without routed experts); weight gradients go to the
    /// parameters'. The residual's gradient is the output's and is not added.</summary>
    public (Tensor GradX, Tensor? GradWeights) Backward(
        Tensor gradient, Tensor x, Tensor? weights_TK, TokenPermutation? permutation, Tape tape)
    {
        using KernelClock.Span time = KernelClock.Time(KernelName.Experts, backward: true);
        if (tape.Tiles is not null)
        {
            return TiledExperts.Backward(
                gradient, x, RoutedOf(weights_TK, permutation), shared?.Compute, tape.Tiles,
                (Target(routed?.GateUp), Target(routed?.Down), Target(shared?.GateUp), Target(shared?.Down)));
        }
        using DisposeScope scope = NewDisposeScope();
        Tensor? gradX = null, gradWeights = null;
        if (routed is not null)
        {
            (gradX, gradWeights) = GroupedExperts.Backward(
                gradient, permutation!, weights_TK!.shape[1], routed.GateUp.Compute, routed.Down.Compute, tape.Grouped!,
                routed.GateUp.Gradient, routed.Down.Gradient);
        }
        if (shared is not null)
        {
            Linear.AccumulateWeightGradient(shared.Down.Gradient, gradient, tape.Dense!.Hidden, portable);
            Tensor gradGateUp = SwiGlu.Backward(
                Linear.InputGradient(gradient, shared.Down.Compute, portable), tape.Dense.GateUp, portable);
            Linear.AccumulateWeightGradient(shared.GateUp.Gradient, gradGateUp, x, portable);
            Tensor sharedGradX = Linear.InputGradient(gradGateUp, shared.GateUp.Compute, portable);
            gradX = gradX is null ? sharedGradX : gradX.add_(sharedGradX, Scalars.One);
        }
        return (gradX!.MoveToOuterDisposeScope(), gradWeights?.MoveToOuterDisposeScope());
    }

    private DenseTape Activate(Tensor x, ExpertParameters expert)
    {
        Tensor gateUp = Linear.Forward(x, expert.GateUp.Compute, portable: portable).DetachFromDisposeScope();
        return new DenseTape(gateUp, SwiGlu.Forward(gateUp, portable).DetachFromDisposeScope());
    }

    private bool UsesTiles(Tensor x) => !portable && x.shape[0] > FewTokens && TiledExperts.Serve(x);

    private static GradientTarget Target(Parameter? parameter) => parameter?.TakeGradient() ?? default;

    private TiledExperts.Routed? RoutedOf(Tensor? weights_TK, TokenPermutation? permutation) =>
        routed is null ? null : new TiledExperts.Routed(weights_TK!, permutation!, routed.Compute);
}
