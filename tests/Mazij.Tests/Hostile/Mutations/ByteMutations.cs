using System.Buffers.Binary;

namespace Mazij.Tests.Hostile.Mutations;

/// <summary>What disks, transfers and editors of bytes do to files, whatever is in them.</summary>
internal static class ByteMutations
{
    private static readonly ulong[] numbers =
    [
        0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1UL << 40, long.MaxValue, 1UL << 63, ulong.MaxValue,
    ];

    /// <summary>Any of them.</summary>
    public static Mutated? Any(Dice dice, byte[] bytes) =>
        dice.Of<Mutation>(FlipBits, FlipBits, SetBytes, SetNumber, SetNumber, Truncate, Extend, Duplicate, Delete, Swap, Fill)(dice, bytes);

    /// <summary>Flips up to eight bits.</summary>
    public static Mutated? FlipBits(Dice dice, byte[] bytes)
    {
        if (bytes.Length == 0)
            return null;
        byte[] changed = [.. bytes];
        int count = dice.OneIn(2) ? 1 : 1 + dice.Below(8), first = -1;
        for (int i = 0; i < count; i++)
        {
            int at = Place(dice, bytes.Length);
            first = first < 0 ? at : first;
            changed[at] ^= (byte)(1 << dice.Below(8));
        }
        return new Mutated(changed, $"{count} bits flipped from byte {first} on");
    }

    private static Mutated? SetBytes(Dice dice, byte[] bytes)
    {
        if (bytes.Length == 0)
            return null;
        byte[] changed = [.. bytes];
        int at = Place(dice, bytes.Length);
        byte value = dice.Of<byte>(0, 1, 0x0A, 0x22, 0x5C, 0x7F, 0x80, 0xC0, 0xFF, (byte)dice.Below(256));
        changed[at] = value;
        return new Mutated(changed, $"byte {at} set to {value}");
    }

    private static Mutated? SetNumber(Dice dice, byte[] bytes)
    {
        int width = dice.Of(2, 4, 8);
        if (bytes.Length < width)
            return null;
        byte[] changed = [.. bytes];
        // Where fields of binary headers lie, every other time.
        int at = dice.OneIn(2) ? Place(dice, bytes.Length - width + 1) / width * width : Place(dice, bytes.Length - width + 1);
        ulong value = dice.Of(numbers);
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(number, value);
        if (dice.OneIn(4))
            number[..width].Reverse();
        number[..width].CopyTo(changed.AsSpan(at));
        return new Mutated(changed, $"{width} bytes at {at} set to {value:x}");
    }

    private static Mutated? Truncate(Dice dice, byte[] bytes)
    {
        if (bytes.Length == 0)
            return null;
        int length = dice.OneIn(8) ? 0 : dice.OneIn(3) ? Math.Max(0, bytes.Length - 1 - dice.Below(16)) : dice.Below(bytes.Length);
        return new Mutated(bytes[..length], $"cut off after {length} of {bytes.Length} bytes");
    }

    private static Mutated? Extend(Dice dice, byte[] bytes)
    {
        byte[] more = dice.Below(4) switch
        {
            0 => new byte[1 + dice.Length(1 << 16)],
            1 => dice.Bytes(1 + dice.Length(1 << 12)),
            2 => bytes,
            _ => [.. Enumerable.Repeat((byte)' ', 1 + dice.Length(1 << 16))],
        };
        return dice.OneIn(4)
            ? new Mutated([.. more, .. bytes], $"{more.Length} bytes put before it")
            : new Mutated([.. bytes, .. more], $"{more.Length} bytes put behind it");
    }

    private static Mutated? Duplicate(Dice dice, byte[] bytes)
    {
        (int at, int length) = Block(dice, bytes.Length);
        return length == 0 ? null : new Mutated([.. bytes[..(at + length)], .. bytes[at..]], $"{length} bytes at {at} duplicated");
    }

    private static Mutated? Delete(Dice dice, byte[] bytes)
    {
        (int at, int length) = Block(dice, bytes.Length);
        return length == 0 ? null : new Mutated([.. bytes[..at], .. bytes[(at + length)..]], $"{length} bytes at {at} deleted");
    }

    private static Mutated? Swap(Dice dice, byte[] bytes)
    {
        (int at, int length) = Block(dice, bytes.Length / 2);
        if (length == 0)
            return null;
        int other = at + length + dice.Below(bytes.Length - at - 2 * length + 1);
        byte[] changed = [.. bytes];
        bytes.AsSpan(at, length).CopyTo(changed.AsSpan(other));
        bytes.AsSpan(other, length).CopyTo(changed.AsSpan(at));
        return new Mutated(changed, $"{length} bytes at {at} and {other} swapped");
    }

    private static Mutated? Fill(Dice dice, byte[] bytes)
    {
        (int at, int length) = Block(dice, bytes.Length);
        if (length == 0)
            return null;
        byte[] changed = [.. bytes];
        if (dice.OneIn(2))
            changed.AsSpan(at, length).Fill(dice.Of<byte>(0, 0xFF));
        else
            dice.Bytes(length).CopyTo(changed, at);
        return new Mutated(changed, $"{length} bytes at {at} overwritten");
    }

    // Headers, where lengths and counts are, as often as all the rest.
    private static int Place(Dice dice, int length) => dice.OneIn(2) ? dice.Below(Math.Min(length, 160)) : dice.Below(length);

    private static (int At, int Length) Block(Dice dice, int length)
    {
        int at = Place(dice, length);
        return (at, length == 0 ? 0 : Math.Min(1 + dice.Length(4096), length - at));
    }
}
