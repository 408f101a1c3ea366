using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels.Tiles;

/// <summary>Attention from the projected rows to the context on tiles: checks the tensors, then runs
/// <see cref="AttentionForward"/> and <see cref="AttentionBackward"/> on their memory.</summary>
internal static unsafe class AttentionTiles
{
    /// <summary>Whether such a tensor can be worked on here.</summary>
    public static bool Serve(Tensor qkv) => qkv.device_type == DeviceType.CPU && TileGemm.Serves(qkv.dtype);

    /// <summary>The context [tokens, H x W], and the sums [B, H, S] that the backward pass needs.</summary>
    public static (Tensor Context, Tensor LogSum) Forward(Tensor qkv_TR, HeadLayout layout, QkNorm? norm, RotaryEmbedding rotary)
    {
        AttentionOperands operands = Operands(qkv_TR, layout, norm, rotary);
        using DisposeScope scope = NewDisposeScope();
        Tensor context_TC = empty(qkv_TR.shape[0], layout.ContextWidth, qkv_TR.dtype);
        Tensor logSum_BHS = empty(layout.Batch, layout.Heads, operands.Sizes.Seq);
        operands.Context = Memory(context_TC, qkv_TR.dtype);
        operands.LogSum = TensorMemory.Pointer<float>(logSum_BHS);
        if (qkv_TR.dtype == ScalarType.BFloat16)
            AttentionForward.Run<Bfloat16Lanes>(operands);
        else
            AttentionForward.Run<Float32Lanes>(operands);
        GC.KeepAlive(qkv_TR);
        return (context_TC.MoveToOuterDisposeScope(), logSum_BHS.MoveToOuterDisposeScope());
    }

    /// <summary>Gradient of the projected rows; those of the gains are added to.</summary>
    public static Tensor Backward(
        Tensor gradContext_TC, Tensor qkv_TR, Tensor context_TC, Tensor logSum_BHS, HeadLayout layout, QkNorm? norm,
        RotaryEmbedding rotary, Tensor? gradQueryGain, Tensor? gradKeyGain)
    {
        AttentionOperands operands = Operands(qkv_TR, layout, norm, rotary);
        using DisposeScope scope = NewDisposeScope();
        Tensor gradient = gradContext_TC.contiguous(), gradQkv_TR = empty(qkv_TR.shape, qkv_TR.dtype);
        if (!gradient.shape.AsSpan().SequenceEqual(context_TC.shape))
            throw new ArgumentException("is not shaped as the context", nameof(gradContext_TC));
        operands.Context = Memory(context_TC, qkv_TR.dtype);
        operands.LogSum = TensorMemory.Pointer<float>(logSum_BHS);
        operands.GradContext = Memory(gradient, qkv_TR.dtype);
        operands.GradQkv = Memory(gradQkv_TR, qkv_TR.dtype);
        Tensor? gradGains = norm is null ? null : empty(operands.Sizes.Groups, 2, operands.Sizes.Width);
        operands.GradGains = gradGains is null ? null : TensorMemory.Pointer<float>(gradGains);
        if (qkv_TR.dtype == ScalarType.BFloat16)
            AttentionBackward.Run<Bfloat16Lanes>(operands);
        else
            AttentionBackward.Run<Float32Lanes>(operands);
        if (gradGains is not null)
        {
            AddGains(gradQueryGain, nameof(gradQueryGain), operands.GradGains, operands.Sizes);
            AddGains(gradKeyGain, nameof(gradKeyGain), operands.GradGains + operands.Sizes.Width, operands.Sizes);
        }
        GC.KeepAlive(qkv_TR);
        GC.KeepAlive(context_TC);
        GC.KeepAlive(logSum_BHS);
        return gradQkv_TR.MoveToOuterDisposeScope();
    }

    private static AttentionOperands Operands(Tensor qkv_TR, HeadLayout layout, QkNorm? norm, RotaryEmbedding rotary)
    {
        TensorFacts facts = TensorFacts.Of(qkv_TR, nameof(qkv_TR)).WithDimensions(2).WithSize(1, layout.QkvWidth);
        long seq = facts.Sizes[0] / layout.Batch;
        if (seq * layout.Batch != facts.Sizes[0] || layout.GroupHeads * layout.KeyValueHeads != layout.Heads)
            throw new ArgumentException($"has {facts.Sizes[0]} rows, which do not fit {layout}", nameof(qkv_TR));
        if (seq > rotary.Positions || 2 * rotary.Half > layout.HeadDim)
            throw new ArgumentException($"has too few positions or too many numbers for {layout}", nameof(rotary));
        AttentionOperands operands = new()
        {
            Sizes = new AttentionSizes(layout, seq),
            Qkv = Memory(qkv_TR, facts.DType),
            Cos = rotary.Cosines,
            Sin = rotary.Sines,
            Half = rotary.Half,
        };
        if (norm is not null)
        {
            _ = TensorFacts.Of(norm.QueryGain, nameof(norm)).WithDimensions(1).WithSize(0, layout.HeadDim).LikeThatOf(facts);
            _ = TensorFacts.Of(norm.KeyGain, nameof(norm)).WithDimensions(1).WithSize(0, layout.HeadDim).LikeThatOf(facts);
            operands.QueryGain = Memory(norm.QueryGain, facts.DType);
            operands.KeyGain = Memory(norm.KeyGain, facts.DType);
            operands.Epsilon = norm.Epsilon;
        }
        return operands;
    }

    private static void* Memory(Tensor tensor, ScalarType type) =>
        TensorFacts.Of(tensor, nameof(tensor)).OfType(type).Contiguous().Data;

    private static void AddGains(Tensor? gradient, string name, float* ofGroups, AttentionSizes sizes)
    {
        ArgumentNullException.ThrowIfNull(gradient, name);
        Span<float> total = TensorMemory.Span<float>(gradient);
        if (total.Length != sizes.Layout.HeadDim)
            throw new ArgumentException("must have one number for each of a head", name);
        for (long group = 0; group < sizes.Groups; group++)
        {
            for (int j = 0; j < total.Length; j++)
                total[j] += ofGroups[group * 2 * sizes.Width + j];
        }
    }
}
