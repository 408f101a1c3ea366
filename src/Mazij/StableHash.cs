using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;

namespace Mazij;

/// <summary>Hashes that are the same on every machine and in every version, for deriving seeds.</summary>
internal static class StableHash
{
    /// <summary>A 64-bit hash of a seed and a name.</summary>
    public static long Of(long seed, string name) =>
        BinaryPrimitives.ReadInt64LittleEndian(XxHash64.Hash(Encoding.UTF8.GetBytes(name), seed)) & long.MaxValue;

    /// <summary>A 64-bit hash of a seed and up to three counters.</summary>
    public static long Of(long seed, long first, long second = 0, long third = 0)
    {
        Span<byte> bytes = stackalloc byte[24];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, first);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[8..], second);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[16..], third);
        return (long)(XxHash64.HashToUInt64(bytes, seed) & long.MaxValue);
    }
}
