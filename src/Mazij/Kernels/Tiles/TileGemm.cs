using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Mazij.Kernels.Libtorch;
using Mazij.Kernels.Simd;
using static TorchSharp.torch;

namespace Mazij.Kernels.Tiles;

/// <summary>
/// C [m, n] = A [m, k] B [k, n] (+ C) on the calling thread, C always fp32: the small product (oneDNN's brgemm) inside
/// libtorch, which compiles one kernel for each shape and runs within a few per cent of the core's peak while the operands
/// are in its cache. Whoever calls it cuts a large product into tiles, packs B (<see cref="TilePacking"/>), and finishes
/// each tile of C while it is still in the cache: that is what libtorch's own large products cannot be asked for.
/// </summary>
internal static unsafe class TileGemm
{
    // at::native::cpublas::brgemm(m, n, k, lda, ldb, ldc, add, a, b, c, isVnni), as GCC and Clang name it.
    private const string Bfloat16Name = "_ZN2at6native7cpublas6brgemmEllllllbPKN3c108BFloat16ES5_Pfb";
    private const string Float32Name = "_ZN2at6native7cpublas6brgemmEllllllbPKfS3_Pfb";

    private static readonly delegate* unmanaged[Cdecl]<long, long, long, long, long, long, byte, void*, void*, float*, byte, void>
        bfloat16 = Find(Bfloat16Name, HasBfloat16()), float32 = Find(Float32Name, Avx2.IsSupported);

    private static readonly bool servesBfloat16 = bfloat16 != null && Agrees<Bfloat16Lanes>();
    private static readonly bool servesFloat32 = float32 != null && Agrees<Float32Lanes>();

    /// <summary>Whether products of this type can be made here: the processor multiplies the type itself, this libtorch has
    /// the function, and it gave the right answer to a small product. Otherwise libtorch's large products are used.</summary>
    public static bool Serves(ScalarType type) => type switch
    {
        ScalarType.BFloat16 => servesBfloat16,
        ScalarType.Float32 => servesFloat32,
        _ => false,
    };

    /// <summary>C = A B, or C += A B. Shapes should come from a small set: a kernel is compiled, and kept, for each.</summary>
    /// <param name="m">Rows of A and C.</param>
    /// <param name="n">Columns of B and C.</param>
    /// <param name="k">Columns of A; even for bf16.</param>
    /// <param name="a">[m, k], rows <paramref name="lda"/> numbers apart.</param>
    /// <param name="lda">Distance of the rows of A.</param>
    /// <param name="b">As <see cref="TilePacking"/> lays it out, for <paramref name="ldb"/> columns.</param>
    /// <param name="ldb">Columns that B was packed with.</param>
    /// <param name="c">[m, n], rows <paramref name="ldc"/> numbers apart.</param>
    /// <param name="ldc">Distance of the rows of C.</param>
    /// <param name="accumulate">Whether C is added to.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply<TLanes>(
        long m, long n, long k, void* a, long lda, void* b, long ldb, float* c, long ldc, bool accumulate)
        where TLanes : struct, ILanes
    {
        byte add = accumulate ? (byte)1 : (byte)0;
        if (TLanes.Size == 2)
            bfloat16(m, n, k, lda, ldb, ldc, add, a, b, c, 1);
        else
            float32(m, n, k, lda, ldb, ldc, add, a, b, c, 0);
    }

    private static delegate* unmanaged[Cdecl]<long, long, long, long, long, long, byte, void*, void*, float*, byte, void> Find(
        string name, bool wanted) =>
        wanted && RuntimeInformation.ProcessArchitecture == Architecture.X64 && HasOneDnn() && TorchAbi.TryExport(name, out nint entry)
            ? (delegate* unmanaged[Cdecl]<long, long, long, long, long, long, byte, void*, void*, float*, byte, void>)entry
            : null;

    // Without oneDNN, or with oneDNN told to use a lesser instruction set than the processor's, the function would end the process.
    private static bool HasOneDnn() =>
        Environment.GetEnvironmentVariable("ONEDNN_MAX_CPU_ISA") is null && Environment.GetEnvironmentVariable("DNNL_MAX_CPU_ISA") is null
        && TorchAbi.TryExport("_ZN2at7Context9hasMKLDNNEv", out nint entry) && ((delegate* unmanaged[Cdecl]<byte>)entry)() != 0;

    // AVX512_BF16: leaf 7, subleaf 1, eax bit 5. Where AMX is there too (subleaf 0, edx bit 22), oneDNN would leave tile
    // state behind on libtorch's threads; such processors keep to the large products until this has been tried on one.
    private static bool HasBfloat16()
    {
        if (!Avx512BW.IsSupported || X86Base.CpuId(0, 0).Eax < 7)
            return false;
        (_, _, _, int features) = X86Base.CpuId(7, 0);
        (int more, _, _, _) = X86Base.CpuId(7, 1);
        return (more >> 5 & 1) != 0 && (features >> 22 & 1) == 0;
    }

    // Small whole numbers are exact in bf16 and in any order of sums.
    private static bool Agrees<TLanes>() where TLanes : struct, ILanes
    {
        const int m = 3, n = 18, k = 6;
        float* a = stackalloc float[m * k], rows = stackalloc float[k * n], packed = stackalloc float[k * n], c = stackalloc float[m * n];
        for (int i = 0; i < m * k; i++)
            TLanes.StoreOne(a, i, i % 5 - 2);
        for (int i = 0; i < k * n; i++)
            TLanes.StoreOne(rows, i, i % 7 - 3);
        for (int i = 0; i < m * n; i++)
            c[i] = i;
        TilePacking.Rows<TLanes>(new RowSource(rows, n * TLanes.Size, null), 0, k, 0, n, packed, k);
        Multiply<TLanes>(m, n, k, a, k, packed, n, c, n, accumulate: true);
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                float sum = i * n + j;
                for (int l = 0; l < k; l++)
                    sum += TLanes.LoadOne(a, i * k + l) * TLanes.LoadOne(rows, l * n + j);
                if (sum != c[i * n + j])
                    return false;
            }
        }
        return true;
    }
}
