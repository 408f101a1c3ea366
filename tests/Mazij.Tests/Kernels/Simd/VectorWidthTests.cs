using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Mazij.Tests.Kernels.Simd;

/// <summary>What the runtime was told to leave unused is unused: a process started for narrow vectors has them.</summary>
public sealed class VectorWidthTests
{
    [Fact]
    public void Vectors_are_no_wider_than_the_environment_allows()
    {
        bool Refused(string name) => Environment.GetEnvironmentVariable("DOTNET_" + name) == "0";
        int widest = Refused("EnableHWIntrinsic") ? 0 : Refused("EnableAVX2") ? 128 : Refused("EnableAVX512") ? 256 : 512;
        int found = Vector512.IsHardwareAccelerated ? 512
            : Vector256.IsHardwareAccelerated ? 256
            : Vector128.IsHardwareAccelerated ? 128 : 0;
        Assert.InRange(found, 0, widest);
        if (widest < 512)
            Assert.False(Avx512F.IsSupported || Avx512BW.IsSupported, "AVX-512 is in use");
        if (widest < 256)
            Assert.False(Avx2.IsSupported, "AVX2 is in use");
    }
}
