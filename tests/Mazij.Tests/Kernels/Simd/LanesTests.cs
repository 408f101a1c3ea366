using System.Runtime.Intrinsics;
using CsCheck;
using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Tests.Kernels.Simd;

public sealed unsafe class LanesTests
{
    [Fact]
    public void Rounding_to_bf16_is_libtorchs_for_any_bits() => Gen.UInt.Array[16].Sample(
        bits =>
        {
            using DisposeScope scope = NewDisposeScope();
            float[] numbers = Array.ConvertAll(bits, BitConverter.UInt32BitsToSingle);
            ushort[] expected = TensorMemory.Span<ushort>(tensor(numbers).to(ScalarType.BFloat16)).ToArray();
            Vector512<float> values = Vector512.Create(numbers), rounded = Bfloat16Lanes.Round(values);
            ushort* vector = stackalloc ushort[16], partial = stackalloc ushort[16];
            Bfloat16Lanes.Store(vector, 0, values);
            PartialLanes.Store<Bfloat16Lanes>(partial, 0, 16, values);
            Vector512<float> read = Bfloat16Lanes.Load(vector, 0);
            for (int lane = 0; lane < 16; lane++)
            {
                if (float.IsNaN(numbers[lane]))
                {
                    Assert.True(float.IsNaN(read[lane]) && float.IsNaN(rounded[lane]));
                    continue;
                }
                Assert.Equal(expected[lane], vector[lane]);
                Assert.Equal(vector[lane], partial[lane]);
                Assert.Equal(read[lane], rounded[lane]);
                Assert.Equal(read[lane], Bfloat16Lanes.LoadOne(vector, lane));
            }
        },
        threads: 1);

    [Fact]
    public void A_part_of_a_vector_touches_nothing_else() => Gen.Select(Gen.Int[0, 16], Gen.Int[0, 5]).Sample((count, first) =>
    {
        float* data = stackalloc float[32];
        for (int i = 0; i < 32; i++)
            data[i] = i;
        Vector512<float> read = PartialLanes.Load<Float32Lanes>(data, first, count, -1);
        for (int lane = 0; lane < 16; lane++)
            Assert.Equal(lane < count ? first + lane : -1, read[lane]);
        PartialLanes.Store<Float32Lanes>(data, first, count, Vector512.Create(100f));
        for (int i = 0; i < 32; i++)
            Assert.Equal(i >= first && i < first + count ? 100 : i, data[i]);
    });
}
