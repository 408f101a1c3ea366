using System.Buffers.Binary;
using System.IO.Hashing;
using Mazij.Data;

namespace Mazij.Tests.Hostile.Mutations;

/// <summary>Shards that were changed by somebody who computed their checksums anew.</summary>
internal static class ShardMutations
{
    private static readonly long[] numbers =
        [0, 1, -1, 2, 7, 255, 1 << 16, int.MaxValue, 1L << 31, 1L << 32, 1L << 40, 1L << 62, long.MaxValue, long.MinValue, long.MaxValue - 127];

    /// <summary>Changes the header, the tables or the ids of a whole shard.</summary>
    public static Mutated Forge(Dice dice, byte[] bytes)
    {
        byte[] changed = [.. bytes];
        ShardHeader header = ShardFormat.ReadHeader(bytes.AsSpan(0, ShardFormat.HeaderBytes), "shard", bytes.Length);
        long value = dice.Of(numbers);
        string what;
        switch (dice.Below(3))
        {
            case 0:
                int field = dice.Of(8, 12, 16, 20, 24, 32, 40, 48, 56, 88);
                BinaryPrimitives.WriteInt64LittleEndian(changed.AsSpan(field), value);
                what = $"header field {field} is now {value}";
                break;
            case 1:
                int table = (int)header.TablesOffset + dice.Below(bytes.Length - (int)header.TablesOffset - 7) / 8 * 8;
                BinaryPrimitives.WriteInt64LittleEndian(changed.AsSpan(table), value);
                what = $"table entry at {table} is now {value}";
                Seal(changed, header);
                break;
            default:
                int id = ShardFormat.HeaderBytes + 2 * dice.Below((int)header.Tokens);
                BinaryPrimitives.WriteUInt16LittleEndian(changed.AsSpan(id), (ushort)value);
                what = $"id at {id} is now {(ushort)value}";
                ulong block = XxHash3.HashToUInt64(changed.AsSpan(ShardFormat.HeaderBytes, (int)header.IdBytes));
                BinaryPrimitives.WriteUInt64LittleEndian(changed.AsSpan((int)header.TablesOffset), block);
                Seal(changed, header);
                break;
        }
        BinaryPrimitives.WriteUInt64LittleEndian(changed.AsSpan(ShardFormat.HeaderBytes - 8), ShardFormat.HeaderChecksum(changed));
        return new Mutated(changed, "forged: " + what);
    }

    private static void Seal(byte[] shard, in ShardHeader header) => BinaryPrimitives.WriteUInt64LittleEndian(
        shard.AsSpan(88), XxHash3.HashToUInt64(shard.AsSpan((int)header.TablesOffset)));
}
