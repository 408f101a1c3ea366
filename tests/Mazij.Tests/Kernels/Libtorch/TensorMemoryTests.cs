using Mazij.Kernels.Libtorch;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels.Libtorch;

public sealed unsafe class TensorMemoryTests
{
    [Fact]
    public void The_pointer_of_a_view_includes_its_offset()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor whole = arange(24, ScalarType.Float32).reshape(4, 6);
        float* view = TensorMemory.Pointer<float>(whole[2].narrow(0, 3, 2));
        Assert.Equal(15f, view[0]);
        Assert.Equal(15, view - TensorMemory.Pointer<float>(whole));
        TensorMemory.Span<float>(whole[1])[2] = -1;
        Assert.Equal(-1f, whole[1, 2].item<float>());
    }

    [Fact]
    public void Sixteen_bit_types_are_read_by_their_bits()
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Equal([0x3f80, 0xc000], TensorMemory.Span<ushort>(tensor(new[] { 1f, -2f }).bfloat16()).ToArray());
        Assert.Equal([(Half)1, (Half)(-2)], TensorMemory.Span<Half>(tensor(new[] { 1f, -2f }).half()).ToArray());
    }

    [Fact]
    public void A_tensor_over_memory_shares_it()
    {
        using DisposeScope scope = NewDisposeScope();
        float[] numbers = [0, 1, 2, 3, 4, 5, 6, 7];
        fixed (float* data = numbers)
        {
            Tensor rows = TensorMemory.FromPointer(data, 32, [2, 4], [], ScalarType.Float32);
            Tensor columns = TensorMemory.FromPointer(data, 32, [4, 2], [1, 4], ScalarType.Float32);
            Assert.True(rows.t().eq(columns).all().item<bool>());
            rows.mul_(2);
            Assert.Equal(14, numbers[7]);
            Assert.Equal([0L, 4L], TensorMemory.FromPointer(null, 0, [0, 4], [], ScalarType.Float32).shape);
            Assert.Equal(0f, TensorMemory.FromPointer(data, 4, [], [], ScalarType.Float32).item<float>());
        }
    }

    [Fact]
    public void A_shape_that_leaves_its_memory_is_refused()
    {
        float[] numbers = new float[9];
        fixed (float* pinned = numbers)
        {
            float* data = pinned;
            Assert.Throws<ArgumentException>("bytes",
                () => TensorMemory.FromPointer(data, 32, [3, 3], [], ScalarType.Float32));
            Assert.Throws<ArgumentException>("bytes",
                () => TensorMemory.FromPointer(data, 36, [2, 2], [8, 1], ScalarType.Float32));
            Assert.Throws<ArgumentException>("bytes",
                () => TensorMemory.FromPointer(data, 36, [2, 2], [long.MaxValue, long.MaxValue], ScalarType.Float32));
            Assert.Throws<ArgumentException>("sizes",
                () => TensorMemory.FromPointer(data, 36, [long.MaxValue, 4], [0, 0], ScalarType.Float32));
            Assert.Throws<ArgumentException>("sizes",
                () => TensorMemory.FromPointer(data, 36, [-1], [], ScalarType.Float32));
            Assert.Throws<ArgumentException>("strides",
                () => TensorMemory.FromPointer(data, 36, [2], [-1], ScalarType.Float32));
            Assert.Throws<ArgumentException>("strides",
                () => TensorMemory.FromPointer(data, 36, [2], [1, 1], ScalarType.Float32));
            Assert.Throws<ArgumentException>("data",
                () => TensorMemory.FromPointer((byte*)data + 1, 8, [2], [], ScalarType.Float32));
            Assert.Throws<ArgumentNullException>("data",
                () => TensorMemory.FromPointer(null, 8, [2], [], ScalarType.Float32));
        }
    }

    [Fact]
    public void Wrong_types_devices_and_layouts_are_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Throws<ArgumentException>("tensor", () => TensorMemory.Pointer<double>(zeros(2)));
        Assert.Throws<ArgumentException>("tensor", () => TensorMemory.Pointer<float>(empty(2, device: META)));
        Assert.Throws<ArgumentException>("tensor", () => { _ = TensorMemory.Span<float>(zeros(3, 2).t()).Length; });
        Assert.True(TensorMemory.Span<float>(zeros(0, 3)).IsEmpty);
    }
}
