using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels.Libtorch;

/// <summary>The memory of CPU tensors as pointers and spans, and tensors over memory that exists already.</summary>
internal static unsafe class TensorMemory
{
    /// <summary>
    /// The address of a CPU tensor's first element, its view's offset included (TorchSharp's storage pointer ignores
    /// it). Valid while the tensor is alive and not resized.
    /// </summary>
    /// <typeparam name="T">The elements' type; for bfloat16 any of 16 bits.</typeparam>
    /// <param name="tensor">Any shape and strides; on the CPU.</param>
    /// <returns>The address, or null for a tensor without elements.</returns>
    /// <exception cref="ArgumentException">It is disposed, on another device, or of another element type.</exception>
    public static T* Pointer<T>(Tensor tensor) where T : unmanaged => (T*)Checked<T>(tensor).Data;

    /// <summary>The elements of a contiguous CPU tensor.</summary>
    /// <typeparam name="T">The elements' type; for bfloat16 any of 16 bits.</typeparam>
    /// <param name="tensor">Contiguous, any shape, at most 2^31 - 1 elements.</param>
    /// <returns>A view of the tensor's own memory, valid while the tensor is alive and not resized.</returns>
    /// <exception cref="ArgumentException">
    /// It is disposed, on another device, not contiguous, too large, or of another element type.
    /// </exception>
    public static Span<T> Span<T>(Tensor tensor) where T : unmanaged
    {
        TensorFacts facts = Checked<T>(tensor).Contiguous();
        long count = facts.Count;
        if (count > int.MaxValue)
            throw new ArgumentException($"has {count} elements, more than a span can hold", nameof(tensor));
        return new(facts.Data, (int)count);
    }

    /// <summary>
    /// A CPU tensor over memory that belongs to the caller: nothing is copied, and the memory must outlive the tensor
    /// and all its views. With <paramref name="strides"/> empty the elements are in row-major order.
    /// </summary>
    /// <param name="data">The first element.</param>
    /// <param name="bytes">How many bytes from there on may be touched; the shape is checked against it.</param>
    /// <param name="sizes">The shape.</param>
    /// <param name="strides">The strides in elements, none negative; or empty.</param>
    /// <param name="type">The element type.</param>
    /// <exception cref="ArgumentException">The shape does not fit into the memory, or the address is not
    /// aligned.</exception>
    public static Tensor FromPointer(
        void* data, long bytes, ReadOnlySpan<long> sizes, ReadOnlySpan<long> strides, ScalarType type)
    {
        const int maxDimensions = 64;
        if (sizes.Length > maxDimensions)
            throw new ArgumentException($"has {sizes.Length} dimensions, more than {maxDimensions}", nameof(sizes));
        if (strides.Length != 0 && strides.Length != sizes.Length)
            throw new ArgumentException($"has {strides.Length} entries for {sizes.Length} dimensions", nameof(strides));
        long* steps = stackalloc long[maxDimensions];
        bool empty = FillStrides(sizes, strides, steps);
        int width = ElementSize(type);
        Int128 needed = 0;
        if (!empty)
        {
            needed = 1;
            for (int i = 0; i < sizes.Length; i++)
                needed += (Int128)(sizes[i] - 1) * steps[i];
            needed *= width;
        }
        if (bytes < 0 || needed > bytes)
            throw new ArgumentException($"holds {bytes} bytes, the shape needs {needed}", nameof(bytes));
        if (data is null && !empty)
            throw new ArgumentNullException(nameof(data));
        if ((nuint)data % (nuint)width != 0)
            throw new ArgumentException($"is not aligned to {width} bytes", nameof(data));

        nint handle;
        fixed (long* shape = sizes)
        {
            Shim.Check(
                Shim.FromBlob(data, sizes.Length, shape, steps, 0, (int)type, (int)DeviceType.CPU, 0, &handle),
                "create_tensor_from_blob");
        }
        return Tensor.UnsafeCreateTensor(handle);
    }

    /// <summary>How many bytes an element of this type has.</summary>
    /// <exception cref="ArgumentException">The type is not one of plain numbers.</exception>
    public static int ElementSize(ScalarType type) => type switch
    {
        ScalarType.Byte or ScalarType.Int8 or ScalarType.Bool => 1,
        ScalarType.Int16 or ScalarType.Float16 or ScalarType.BFloat16 => 2,
        ScalarType.Int32 or ScalarType.Float32 => 4,
        ScalarType.Int64 or ScalarType.Float64 => 8,
        _ => throw new ArgumentException($"{type} is not a plain number type", nameof(type)),
    };

    private static bool FillStrides(ReadOnlySpan<long> sizes, ReadOnlySpan<long> strides, long* steps)
    {
        bool empty = false;
        long product = 1;
        for (int i = sizes.Length - 1; i >= 0; i--)
        {
            if (sizes[i] < 0)
                throw new ArgumentException($"dimension {i} is {sizes[i]}", nameof(sizes));
            if (strides.Length != 0 && strides[i] < 0)
                throw new ArgumentException($"stride {i} is {strides[i]}", nameof(strides));
            steps[i] = strides.Length != 0 ? strides[i] : product;
            empty |= sizes[i] == 0;
            Int128 next = (Int128)product * Math.Max(sizes[i], 1);
            product = next <= long.MaxValue
                ? (long)next
                : throw new ArgumentException("has more elements than 63 bits can count", nameof(sizes));
        }
        return empty;
    }

    private static TensorFacts Checked<T>(Tensor tensor) where T : unmanaged
    {
        TensorFacts facts = TensorFacts.Of(tensor, nameof(tensor));
        if (facts.Device != DeviceType.CPU)
        {
            throw new ArgumentException(
                $"is on {facts.Device}; only the CPU's memory can be read directly", nameof(tensor));
        }
        bool matches = facts.DType switch
        {
            ScalarType.BFloat16 => Unsafe.SizeOf<T>() == 2 && typeof(T) != typeof(Half),
            ScalarType.Float16 => typeof(T) == typeof(Half) || typeof(T) == typeof(ushort),
            ScalarType.Float32 => typeof(T) == typeof(float),
            ScalarType.Float64 => typeof(T) == typeof(double),
            ScalarType.Int64 => typeof(T) == typeof(long),
            ScalarType.Int32 => typeof(T) == typeof(int),
            ScalarType.Int16 => typeof(T) == typeof(short) || typeof(T) == typeof(ushort),
            ScalarType.Int8 => typeof(T) == typeof(sbyte),
            ScalarType.Byte => typeof(T) == typeof(byte),
            ScalarType.Bool => typeof(T) == typeof(bool) || typeof(T) == typeof(byte),
            _ => false,
        };
        return matches ? facts : throw new ArgumentException($"is {facts.DType}, not {typeof(T).Name}", nameof(tensor));
    }
}
