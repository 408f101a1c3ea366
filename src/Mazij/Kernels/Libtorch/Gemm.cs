using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels.Libtorch;

/// <summary>
/// Matrix products into buffers that exist already, which TorchSharp has no way to ask for. All operands have one
/// element type and one device; inputs may have any strides (a transpose costs nothing), and so may the result unless
/// it is expanded. Nothing is recorded for the backward pass: the caller writes it. The result must not overlap an
/// operand of the product.
/// </summary>
internal static unsafe class Gemm
{
    /// <summary>out = a b.</summary>
    /// <param name="result">[m, n], written.</param>
    /// <param name="a">[m, k].</param>
    /// <param name="b">[k, n].</param>
    /// <exception cref="ArgumentException">A tensor is disposed, or of the wrong shape, type or device.</exception>
    public static void Mm(Tensor result, Tensor a, Tensor b)
    {
        TensorFacts o = Product(result, a, b, batched: false, out TensorFacts left, out TensorFacts right);
        int code = o.Device == DeviceType.CPU
            ? Shim.CpuMm(o.Handle, left.Handle, right.Handle)
            : Shim.Mm(o.Handle, left.Handle, right.Handle);
        KeepAlive(result, a, b);
        Shim.Check(code, "mm");
    }

    /// <summary>out = beta c + alpha a b; with beta 0, c is not read.</summary>
    /// <param name="result">[m, n], written; may be <paramref name="c"/>.</param>
    /// <param name="c">[m, n].</param>
    /// <param name="a">[m, k].</param>
    /// <param name="b">[k, n].</param>
    /// <param name="beta">The factor of c.</param>
    /// <param name="alpha">The factor of the product.</param>
    /// <exception cref="ArgumentException">A tensor is disposed, or of the wrong shape, type or device.</exception>
    public static void AddMm(Tensor result, Tensor c, Tensor a, Tensor b, double beta = 1, double alpha = 1)
    {
        TensorFacts o = Product(result, a, b, batched: false, out TensorFacts left, out TensorFacts right);
        TensorFacts addend = TensorFacts.Of(c, nameof(c)).WithShapeOf(o).LikeThatOf(o);
        int code = o.Device == DeviceType.CPU
            ? Shim.CpuAddMm(o.Handle, addend.Handle, left.Handle, right.Handle, beta, alpha)
            : Shim.AddMm(o.Handle, addend.Handle, left.Handle, right.Handle, (float)beta, (float)alpha);
        KeepAlive(result, a, b);
        GC.KeepAlive(c);
        Shim.Check(code, "addmm");
    }

    /// <summary>out[i] = a[i] b[i] for every i.</summary>
    /// <param name="result">[batch, m, n], written.</param>
    /// <param name="a">[batch, m, k].</param>
    /// <param name="b">[batch, k, n].</param>
    /// <exception cref="ArgumentException">A tensor is disposed, or of the wrong shape, type or device.</exception>
    public static void Bmm(Tensor result, Tensor a, Tensor b)
    {
        TensorFacts o = Product(result, a, b, batched: true, out TensorFacts left, out TensorFacts right);
        int code = o.Device == DeviceType.CPU
            ? Shim.CpuBmm(o.Handle, left.Handle, right.Handle)
            : Shim.Bmm(o.Handle, left.Handle, right.Handle);
        KeepAlive(result, a, b);
        Shim.Check(code, "bmm");
    }

    /// <summary>out[i] = beta c[i] + alpha a[i] b[i] for every i; with beta 0, c is not read.</summary>
    /// <param name="result">[batch, m, n], written; may be <paramref name="c"/>.</param>
    /// <param name="c">[batch, m, n].</param>
    /// <param name="a">[batch, m, k].</param>
    /// <param name="b">[batch, k, n].</param>
    /// <param name="beta">The factor of c.</param>
    /// <param name="alpha">The factor of the products.</param>
    /// <exception cref="ArgumentException">A tensor is disposed, or of the wrong shape, type or device.</exception>
    public static void BAddBmm(Tensor result, Tensor c, Tensor a, Tensor b, double beta = 1, double alpha = 1)
    {
        TensorFacts o = Product(result, a, b, batched: true, out TensorFacts left, out TensorFacts right);
        TensorFacts addend = TensorFacts.Of(c, nameof(c)).WithShapeOf(o).LikeThatOf(o);
        if (o.Device == DeviceType.CPU)
        {
            int code = Shim.CpuBAddBmm(o.Handle, addend.Handle, left.Handle, right.Handle, beta, alpha);
            KeepAlive(result, a, b);
            GC.KeepAlive(c);
            Shim.Check(code, "baddbmm");
            return;
        }
        // The C functions have no such product for other devices: one temporary.
        using IDisposable noGrad = no_grad();
        using Tensor product = bmm(a, b);
        using Scalar factor = beta.ToScalar(), productFactor = alpha.ToScalar();
        if (beta == 0)
        {
            result.zero_().Dispose(); // Unlike the others it returns a wrapper of its own.
        }
        else
        {
            if (!ReferenceEquals(result, c))
                _ = result.copy_(c);
            _ = result.mul_(factor);
        }
        _ = result.add_(product, productFactor);
    }

    private static TensorFacts Product(
        Tensor result, Tensor a, Tensor b, bool batched, out TensorFacts left, out TensorFacts right)
    {
        int first = batched ? 1 : 0;
        left = TensorFacts.Of(a, nameof(a)).WithDimensions(first + 2);
        right = TensorFacts.Of(b, nameof(b)).WithDimensions(first + 2).LikeThatOf(left)
            .WithSize(first, left.Sizes[first + 1]);
        TensorFacts o = TensorFacts.Of(result, nameof(result)).WithDimensions(first + 2).LikeThatOf(left)
            .WithSize(first, left.Sizes[first]).WithSize(first + 1, right.Sizes[first + 1])
            .Writable().ApartFrom(left).ApartFrom(right);
        if (batched)
        {
            right = right.WithSize(0, left.Sizes[0]);
            o = o.WithSize(0, left.Sizes[0]);
        }
        return o;
    }

    private static void KeepAlive(Tensor result, Tensor a, Tensor b)
    {
        GC.KeepAlive(result);
        GC.KeepAlive(a);
        GC.KeepAlive(b);
    }
}
