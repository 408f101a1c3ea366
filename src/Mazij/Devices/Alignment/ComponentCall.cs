using Mazij.Models;

namespace Mazij.Devices.Alignment;

/// <summary>Where in a comparison a component stands, in the order in which the Ling report aligns (arXiv 2503.05139, 6.2).</summary>
internal enum AlignmentStage
{
    /// <summary>Single operators on made-up numbers of many shapes, forward and backward.</summary>
    Operators,

    /// <summary>The model's modules in the order of the forward pass.</summary>
    Forward,

    /// <summary>The gradients of its modules; the router's first.</summary>
    Backward,

    /// <summary>What is around the passes: accumulation, clipping, the optimiser, whole steps, a short training.</summary>
    Training,
}

/// <summary>What a component computes; its inputs and outputs are in docs/formats.md.</summary>
internal enum ComponentKind
{
    /// <summary>Rows of a table by id.</summary>
    Embedding,

    /// <summary>RMSNorm over the last dimension.</summary>
    RmsNorm,

    /// <summary>x W^T.</summary>
    Linear,

    /// <summary>Rotary position embedding.</summary>
    Rope,

    /// <summary>Norm of q and k if there is one, rotation, causal attention of grouped heads.</summary>
    Attention,

    /// <summary>The router's product, in fp32.</summary>
    RouterLogits,

    /// <summary>From logits to choices, weights and auxiliary losses.</summary>
    Router,

    /// <summary>The routed experts alone.</summary>
    Experts,

    /// <summary>A SwiGLU MLP: the shared experts, or a dense layer's.</summary>
    Mlp,

    /// <summary>Routed and shared experts together, as a layer runs them.</summary>
    Moe,

    /// <summary>Logits and cross-entropy, NormHead included.</summary>
    Head,

    /// <summary>A linear layer's weight gradient, summed over micro-batches.</summary>
    Accumulation,

    /// <summary>The gradients' norm and the factor that clips it.</summary>
    Clipping,

    /// <summary>Steps of AdamW on given gradients.</summary>
    Optimizer,

    /// <summary>The whole model from ids on, each layer fed by the one before.</summary>
    Model,

    /// <summary>One training step cut into micro-batches.</summary>
    Step,
}

/// <summary>What an execution is asked to compute.</summary>
/// <param name="Kind">What.</param>
/// <param name="Gradient">Its backward pass rather than its forward pass.</param>
/// <param name="Shape">Sizes and constants; of one layer where the component is part of a layer.</param>
/// <param name="Sequences">Sequences that the rows of the inputs belong to.</param>
/// <param name="MicroBatches">Micro-batches of a step or of an accumulation.</param>
internal sealed record ComponentCall(ComponentKind Kind, bool Gradient, ModelConfig Shape, int Sequences, int MicroBatches = 1);
