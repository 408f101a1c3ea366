using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mazij.Kernels.Simd;

namespace Mazij.Kernels.Tiles;

/// <summary>
/// A head's row of q or k on its way into attention: y = Rotate(n gain), n = x r, r = 1 / sqrt(mean(x^2) + eps), in fp32
/// and rounded once; without a norm y = Rotate(x). Backwards, with g the gradient of y turned by the opposite angle:
/// dgain = sum over rows of g n, dx = r (g gain - n mean(g gain n)). Rows in scratch memory are padded with zeros to whole
/// vectors, and so are the gains.
/// </summary>
/// <param name="width">Numbers of a row, W.</param>
/// <param name="padded">Numbers of a row in scratch memory.</param>
/// <param name="gains">[padded], or null for no norm.</param>
/// <param name="epsilon">Added to the mean square.</param>
/// <param name="cos">[positions, half].</param>
/// <param name="sin">[positions, half].</param>
/// <param name="half">Pairs that are turned.</param>
internal readonly unsafe struct HeadRows(
    long width, long padded, float* gains, double epsilon, float* cos, float* sin, long half)
{
    private readonly float* gains = gains, cos = cos, sin = sin;

    /// <summary>Copies a row and pads it.</summary>
    /// <param name="x">[width].</param>
    /// <param name="width">Numbers of the row.</param>
    /// <param name="result">[padded], written.</param>
    /// <param name="padded">Numbers with padding, a multiple of 16.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy<TLanes>(void* x, long width, void* result, long padded) where TLanes : struct, ILanes
    {
        const long step = 64;
        long bytes = width * TLanes.Size, done = 0;
        for (; done + step <= bytes; done += step)
            Vector512.Load((byte*)x + done).Store((byte*)result + done);
        if (done == padded * TLanes.Size)
            return;
        Buffer.MemoryCopy((byte*)x + done, (byte*)result + done, bytes - done, bytes - done);
        NativeMemoryBlock.Clear((byte*)result + bytes, padded * TLanes.Size - bytes);
    }

    /// <summary>y of one row.</summary>
    /// <param name="x">[width].</param>
    /// <param name="position">Of the row in its sequence.</param>
    /// <param name="result">[padded], written.</param>
    /// <param name="buffer">[padded] numbers of scratch memory.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Load<TLanes>(void* x, long position, void* result, float* buffer) where TLanes : struct, ILanes
    {
        Widen<TLanes>(x, buffer);
        if (gains is not null)
        {
            Vector512<float> r = Vector512.Create(ReciprocalRms(buffer));
            for (long j = 0; j < padded; j += ILanes.Width)
                (Vector512.Load(buffer + j) * r * Vector512.Load(gains + j)).Store(buffer + j);
        }
        Rotate(buffer, position, 1);
        for (long j = 0; j < padded; j += ILanes.Width)
            TLanes.Store(result, j, Vector512.Load(buffer + j));
    }

    /// <summary>dx of one row; adds to the gains' gradient.</summary>
    /// <param name="gradient">[padded], of y; used up.</param>
    /// <param name="scale">A factor that the gradient still lacks.</param>
    /// <param name="x">[width].</param>
    /// <param name="position">Of the row in its sequence.</param>
    /// <param name="result">dx [width], written.</param>
    /// <param name="gradGains">[padded], added to; not used without a norm.</param>
    /// <param name="buffer">[padded] numbers of scratch memory.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Gradient<TLanes>(
        float* gradient, float scale, void* x, long position, void* result, float* gradGains, float* buffer)
        where TLanes : struct, ILanes
    {
        Rotate(gradient, position, -1);
        if (gains is null)
        {
            Store<TLanes>(gradient, scale, width, result);
            return;
        }
        Widen<TLanes>(x, buffer);
        float reciprocal = ReciprocalRms(buffer);
        Vector512<float> r = Vector512.Create(reciprocal), factor = Vector512.Create(scale), products = Vector512<float>.Zero;
        for (long j = 0; j < padded; j += ILanes.Width)
        {
            Vector512<float> g = Vector512.Load(gradient + j) * factor, n = Vector512.Load(buffer + j) * r;
            (Vector512.Load(gradGains + j) + g * n).Store(gradGains + j);
            g *= Vector512.Load(gains + j);
            products += g * n;
            g.Store(gradient + j);
            n.Store(buffer + j);
        }
        Vector512<float> mean = Vector512.Create(Vector512.Sum(products) / width);
        for (long j = 0; j < padded; j += ILanes.Width)
            (Vector512.Load(gradient + j) - Vector512.Load(buffer + j) * mean).Store(gradient + j);
        Store<TLanes>(gradient, reciprocal, width, result);
    }

    /// <summary>Rounds the numbers of a row times a factor.</summary>
    /// <param name="row">[width].</param>
    /// <param name="factor">Of every number.</param>
    /// <param name="width">Numbers of the row.</param>
    /// <param name="result">[width], written.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TLanes>(float* row, float factor, long width, void* result) where TLanes : struct, ILanes
    {
        Vector512<float> factors = Vector512.Create(factor);
        long j = 0;
        for (; j + ILanes.Width <= width; j += ILanes.Width)
            TLanes.Store(result, j, Vector512.Load(row + j) * factors);
        for (; j < width; j++)
            TLanes.StoreOne(result, j, row[j] * factor);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Widen<TLanes>(void* x, float* buffer) where TLanes : struct, ILanes
    {
        long j = 0;
        for (; j + ILanes.Width <= width; j += ILanes.Width)
            TLanes.Load(x, j).Store(buffer + j);
        for (; j < width; j++)
            buffer[j] = TLanes.LoadOne(x, j);
        for (; j < padded; j++)
            buffer[j] = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private float ReciprocalRms(float* row)
    {
        Vector512<float> squares = Vector512<float>.Zero;
        for (long j = 0; j < padded; j += ILanes.Width)
        {
            Vector512<float> v = Vector512.Load(row + j);
            squares += v * v;
        }
        return RmsNormRows.ReciprocalRms(squares, width, epsilon);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Rotate(float* row, long position, float direction)
    {
        float* first = row, second = row + half, c = cos + position * half, s = sin + position * half;
        Vector512<float> sign = Vector512.Create(direction);
        long j = 0;
        for (; j + ILanes.Width <= half; j += ILanes.Width)
        {
            Vector512<float> a = Vector512.Load(first + j), b = Vector512.Load(second + j);
            Vector512<float> x = Vector512.Load(c + j), y = Vector512.Load(s + j) * sign;
            (a * x - b * y).Store(first + j);
            (b * x + a * y).Store(second + j);
        }
        for (; j < half; j++)
        {
            (float a, float b, float y) = (first[j], second[j], s[j] * direction);
            first[j] = a * c[j] - b * y;
            second[j] = b * c[j] + a * y;
        }
    }
}
