using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;
using static TorchSharp.torch;

namespace Mazij.Kernels.Tiles;

// Shapes: C tokens of a chunk, V vocabulary, cut into P panels of W ids.

/// <summary>
/// The softmax of a chunk of logits z [C, V], kept in panels [P, C, W] as it comes out of the product that makes z. With m_cp the
/// largest logit of token c in panel p, what is kept is e_cj = exp(z_cj - m_cp), and s_cp, the panel's sum of them. Then
///
///     S_c = sum_p s_cp exp(m_cp - M_c), M_c the largest m_cp,    loss_c = M_c - z_c,target + log S_c,
///     softmax_cj = e_cj exp(m_cp - M_c) / S_c.
///
/// So each logit is exponentiated once, while its tile is in the cache, and never stored. Losses come from fp32 logits; rounding e
/// to bf16 costs each probability half a unit in its own last place however large the logit is, where rounding a logit of 20 could
/// cost it 6 %. The target's softmax - 1 is computed in fp32 from its logit, since in bf16 the difference would be lost.
/// </summary>
internal sealed unsafe class SoftmaxPanels : IDisposable
{
    private readonly Tensor memory, numbers;
    private readonly long size, vocabulary, stride;
    private readonly byte* exponentials;
    private readonly float* maxima, sums, factors;
    private readonly float* atTarget; // The target's logit, later its probability.

    /// <summary>Memory for chunks of up to <paramref name="capacity"/> tokens.</summary>
    /// <param name="capacity">C.</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="width">W.</param>
    /// <param name="type">Of the exponentials, and later the gradient.</param>
    public SoftmaxPanels(long capacity, long vocabulary, long width, ScalarType type)
    {
        (Capacity, this.vocabulary, Width) = (capacity, vocabulary, width);
        size = TensorMemory.ElementSize(type);
        Panels = (vocabulary + width - 1) / width;
        // A multiple of the vectors' width; the places beyond the last panel hold exponentials of minus infinity.
        stride = (Panels + ILanes.Width - 1) / ILanes.Width * ILanes.Width;
        memory = empty(Panels * capacity, width, dtype: type);
        numbers = zeros(3 * stride + 1, capacity, dtype: ScalarType.Float32);
        exponentials = (byte*)TileMatrix.Of(memory, nameof(memory)).Data;
        maxima = TensorMemory.Pointer<float>(numbers);
        sums = maxima + stride * capacity;
        factors = sums + stride * capacity;
        atTarget = factors + stride * capacity;
        new Span<float>(maxima, checked((int)(stride * capacity))).Fill(float.NegativeInfinity);
    }

    /// <summary>The most tokens a chunk can have.</summary>
    public long Capacity { get; }

    /// <summary>P.</summary>
    public long Panels { get; }

    /// <summary>W; the last panel may have fewer ids.</summary>
    public long Width { get; }

    /// <summary>A panel's exponentials, later gradients [C, W].</summary>
    public byte* Panel(long panel) => exponentials + panel * Capacity * Width * size;

    /// <summary>Exponentiates logits.</summary>
    /// <param name="tile">z [rows, columns], without gaps.</param>
    /// <param name="targets">Targets of the chunk's tokens.</param>
    /// <param name="row">The first token.</param>
    /// <param name="rows">Tokens.</param>
    /// <param name="column">The first id: a panel's.</param>
    /// <param name="columns">Ids: the panel's.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Exponentiate<TLanes>(float* tile, long* targets, long row, long rows, long column, long columns)
        where TLanes : struct, ILanes
    {
        long panel = column / Width, whole = columns - columns % ILanes.Width;
        // A product over the panel's ids takes them padded as the packed weight is; there must be numbers.
        long padded = PackedRows.Padded(columns);
        byte* to = Panel(panel) + row * Width * size;
        for (long token = row; token < row + rows; token++, tile += columns, to += Width * size)
        {
            ulong target = (ulong)(targets[token] - column);
            if (target < (ulong)columns)
                atTarget[token] = tile[target];
            float maximum = Largest(tile, columns);
            Vector512<float> shift = Vector512.Create(maximum), total = Vector512<float>.Zero;
            for (long j = 0; j < whole; j += ILanes.Width)
            {
                Vector512<float> e = VectorExp.Exp(Vector512.Load(tile + j) - shift);
                total += e;
                TLanes.Store(to, j, e);
            }
            if (whole < columns)
            {
                Vector512<float> rest = PartialLanes.Load<Float32Lanes>(tile, whole, columns - whole, float.NegativeInfinity);
                Vector512<float> e = VectorExp.Exp(rest - shift);
                total += e;
                PartialLanes.Store<TLanes>(to, whole, columns - whole, e);
            }
            for (long j = columns; j < padded; j++)
                TLanes.StoreOne(to, j, 0);
            maxima[token * stride + panel] = maximum;
            sums[token * stride + panel] = Vector512.Sum(total);
        }
    }

    /// <summary>Sums up the panels of some tokens: their losses, and what makes gradients of exponentials.</summary>
    /// <param name="first">The first token.</param>
    /// <param name="end">The token after the last.</param>
    /// <param name="scale">Factor on the gradient.</param>
    /// <param name="losses">Of the chunk's tokens; written.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Finish(long first, long end, float scale, float* losses)
    {
        for (long token = first; token < end; token++)
        {
            float* m = maxima + token * stride, s = sums + token * stride, f = factors + token * stride;
            float highest = Reductions.Maximum<Float32Lanes>(m, stride);
            Vector512<float> total = Vector512<float>.Zero;
            for (long j = 0; j < stride; j += ILanes.Width)
                total += Vector512.Load(s + j) * VectorExp.Exp(Vector512.Load(m + j) - Vector512.Create(highest));
            float sum = Vector512.Sum(total), below = highest - atTarget[token];
            losses[token] = below + MathF.Log(sum);
            atTarget[token] = MathF.Exp(-below) / sum;
            for (long j = 0; j < stride; j += ILanes.Width)
                (VectorExp.Exp(Vector512.Load(m + j) - Vector512.Create(highest)) * (scale / sum)).Store(f + j);
        }
    }

    /// <summary>Replaces exponentials by dz = (softmax(z) - [j = target]) scale, after <see cref="Finish"/>.</summary>
    /// <param name="targets">Targets of the chunk's tokens.</param>
    /// <param name="scale">Factor on the gradient, as it was given before.</param>
    /// <param name="first">The first token.</param>
    /// <param name="tokens">Tokens.</param>
    /// <param name="column">The first id.</param>
    /// <param name="columns">Ids, all in one panel.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void ToGradient<TLanes>(long* targets, float scale, long first, long tokens, long column, long columns)
        where TLanes : struct, ILanes
    {
        (long panel, long inPanel) = Math.DivRem(column, Width);
        long whole = columns - columns % ILanes.Width;
        byte* z = Panel(panel) + (first * Width + inPanel) * size;
        for (long token = first; token < first + tokens; token++, z += Width * size)
        {
            float factor = factors[token * stride + panel];
            for (long j = 0; j < whole; j += ILanes.Width)
                TLanes.Store(z, j, TLanes.Load(z, j) * factor);
            for (long j = whole; j < columns; j++)
                TLanes.StoreOne(z, j, TLanes.LoadOne(z, j) * factor);
            ulong target = (ulong)(targets[token] - column);
            if (target < (ulong)columns)
                TLanes.StoreOne(z, (long)target, (atTarget[token] - 1) * scale);
        }
    }

    // The processor's own maximum may lose a NaN; the sum of exponentials then brings it back.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(float* z, long count)
    {
        Vector512<float> even = Vector512.Create(float.NegativeInfinity), odd = even;
        long j = 0;
        for (; j + 2 * ILanes.Width <= count; j += 2 * ILanes.Width)
        {
            even = Vector512.MaxNative(even, Vector512.Load(z + j));
            odd = Vector512.MaxNative(odd, Vector512.Load(z + j + ILanes.Width));
        }
        Vector512<float> both = Vector512.MaxNative(even, odd);
        Vector256<float> eight = Vector256.MaxNative(both.GetLower(), both.GetUpper());
        Vector128<float> four = Vector128.MaxNative(eight.GetLower(), eight.GetUpper());
        float largest = MathF.Max(MathF.Max(four[0], four[1]), MathF.Max(four[2], four[3]));
        for (; j < count; j++)
            largest = MathF.Max(largest, z[j]);
        return largest;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        memory.Dispose();
        numbers.Dispose();
    }
}
