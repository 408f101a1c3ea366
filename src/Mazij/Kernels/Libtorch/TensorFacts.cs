using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Kernels.Libtorch;

/// <summary>
/// What the checks before a native call need to know of a tensor, read without allocating. The spans point into the
/// native tensor and are valid as long as it is: use the facts at once, and keep the tensor alive until after the call.
/// </summary>
internal readonly unsafe ref struct TensorFacts
{
    private TensorFacts(Tensor tensor, string name)
    {
        Name = name;
        Handle = tensor.Handle;
        long dim;
        long* pointer;
        int value;
        Shim.Check(Shim.GetLayout(Handle, &value), "get_layout");
        if (value != 0)
            throw new ArgumentException("is sparse; a dense tensor is needed", name);
        Shim.Check(Shim.GetDim(Handle, &dim), "get_dim");
        Shim.Check(Shim.GetSizes(Handle, &pointer), "get_sizes");
        Sizes = new(pointer, (int)dim);
        Shim.Check(Shim.GetStrides(Handle, &pointer), "get_strides");
        Strides = new(pointer, (int)dim);
        Shim.Check(Shim.GetDType(Handle, &value), "get_dtype");
        DType = (ScalarType)value;
        Shim.Check(Shim.GetDeviceType(Handle, &value), "get_device_type");
        Device = (DeviceType)value;
        Shim.Check(Shim.GetDeviceIndex(Handle, &value), "get_device_index");
        DeviceIndex = value;
    }

    public string Name { get; }

    public nint Handle { get; }

    public ReadOnlySpan<long> Sizes { get; }

    public ReadOnlySpan<long> Strides { get; }

    public ScalarType DType { get; }

    public DeviceType Device { get; }

    public int DeviceIndex { get; }

    public long Count
    {
        get
        {
            long count = 1;
            foreach (long size in Sizes)
                count *= size;
            return count;
        }
    }

    /// <summary>Whether the elements lie in row-major order without gaps; sizes of 1 and empty tensors always
    /// do.</summary>
    public bool IsContiguous
    {
        get
        {
            long expected = 1;
            for (int i = Sizes.Length - 1; i >= 0; i--)
            {
                if (Sizes[i] == 0)
                    return true;
                if (Sizes[i] != 1 && Strides[i] != expected)
                    return false;
                expected *= Sizes[i];
            }
            return true;
        }
    }

    /// <summary>The address of the first element; null if there are none.</summary>
    public void* Data
    {
        get
        {
            void* data;
            Shim.Check(Shim.GetDataPtr(Handle, &data), "get_data_ptr");
            return data;
        }
    }

    /// <summary>Reads the facts of a live, dense tensor.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="name">The argument's name, for messages.</param>
    /// <exception cref="ArgumentException">It is null, disposed or sparse.</exception>
    public static TensorFacts Of(Tensor? tensor, string name)
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        if (tensor.IsInvalid)
            throw new ArgumentException("is disposed", name);
        return new(tensor, name);
    }

    /// <summary>The shape must have this many dimensions.</summary>
    public TensorFacts WithDimensions(int count) =>
        Sizes.Length == count ? this : throw Wrong($"has shape {Shape()}; {count} dimensions are needed");

    /// <summary>One size must be as given.</summary>
    public TensorFacts WithSize(int dimension, long size) =>
        Sizes[dimension] == size
            ? this
            : throw Wrong($"has shape {Shape()}; dimension {dimension} should be {size}");

    /// <summary>The shape must be the other's.</summary>
    public TensorFacts WithShapeOf(scoped TensorFacts other) =>
        Sizes.SequenceEqual(other.Sizes)
            ? this
            : throw Wrong($"has shape {Shape()}, {other.Name} has {other.Shape()}; they should be equal");

    /// <summary>Element type and device must be the other's.</summary>
    public TensorFacts LikeThatOf(scoped TensorFacts other)
    {
        if (DType != other.DType)
            throw Wrong($"is {DType}, {other.Name} is {other.DType}; they should be equal");
        return OnDeviceOf(other);
    }

    /// <summary>The device must be the other's.</summary>
    public TensorFacts OnDeviceOf(scoped TensorFacts other) =>
        Device == other.Device && DeviceIndex == other.DeviceIndex
            ? this
            : throw Wrong($"is on {Device}:{DeviceIndex}, {other.Name} on {other.Device}:{other.DeviceIndex}");

    /// <summary>The element type must be this one.</summary>
    public TensorFacts OfType(ScalarType type) => DType == type ? this : throw Wrong($"is {DType}; {type} is needed");

    /// <summary>The elements must lie in row-major order without gaps.</summary>
    public TensorFacts Contiguous() => IsContiguous ? this : throw Wrong("is not contiguous");

    /// <summary>No two indices may name one element, as they do in an expanded tensor: it is going to be
    /// written.</summary>
    public TensorFacts Writable()
    {
        for (int i = 0; i < Sizes.Length; i++)
        {
            if (Sizes[i] > 1 && Strides[i] == 0)
                throw Wrong("is expanded: several of its indices name one element, and it is to be written");
        }
        return this;
    }

    /// <summary>May not start where the other does: the result would overwrite what is still to be read.</summary>
    public TensorFacts ApartFrom(scoped TensorFacts other)
    {
        if (Count > 0 && Device != DeviceType.META && Data == other.Data)
            throw Wrong($"shares memory with {other.Name}");
        return this;
    }

    /// <summary>The shape as "[2, 3]".</summary>
    public string Shape() => "[" + string.Join(", ", Sizes.ToArray()) + "]";

    private ArgumentException Wrong(string what) => new(what, Name);
}
