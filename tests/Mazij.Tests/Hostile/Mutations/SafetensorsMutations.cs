using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;

namespace Mazij.Tests.Hostile.Mutations;

/// <summary>Headers of safetensors files that lie, and numbers that are none among the weights.</summary>
internal static class SafetensorsMutations
{
    private static readonly string[] types =
        ["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL", "F99", "f32", "", "0", "F32,F32", "C64"];

    private static readonly long[] sizes =
        [0, 1, -1, 2, 3, 7, 1 << 16, int.MaxValue, 1L << 31, 1L << 32, 1L << 33, 1L << 61, 1L << 62, long.MaxValue, long.MinValue];

    /// <summary>Any of them.</summary>
    public static Mutated? Any(Dice dice, byte[] bytes)
    {
        int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        (byte[] header, byte[] data) = (bytes[8..(8 + length)], bytes[(8 + length)..]);
        return dice.Below(10) switch
        {
            0 or 1 => JsonMutations.Any(dice, header) is Mutated json ? Joined(dice, json, data) : null,
            2 => TextMutations.Any(dice, header) is Mutated text ? Joined(dice, text, data) : null,
            3 => LieAboutLength(dice, bytes),
            4 => PutNonNumber(dice, bytes, data.Length),
            _ => Joined(dice, ChangeTensor(dice, header), data),
        };
    }

    private static Mutated Joined(Dice dice, Mutated header, byte[] data)
    {
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Bytes.Length);
        byte[] more = dice.OneIn(12) ? new byte[dice.Length(4096)] : [];
        return header with { Bytes = [.. length, .. header.Bytes, .. data, .. more] };
    }

    private static Mutated LieAboutLength(Dice dice, byte[] bytes)
    {
        byte[] changed = [.. bytes];
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        ulong lie = dice.Of<ulong>(
            0, 1, 2, length - 1, length + 1, length - 8, length + 8, (ulong)bytes.Length - 8, (ulong)bytes.Length - 7, (ulong)bytes.Length, 99_999_999, 100_000_000,
            100_000_001, int.MaxValue, 1UL << 32, long.MaxValue, 1UL << 63, ulong.MaxValue, ulong.MaxValue - 7);
        BinaryPrimitives.WriteUInt64LittleEndian(changed, lie);
        return new Mutated(changed, $"the header's length is now {lie}");
    }

    private static Mutated PutNonNumber(Dice dice, byte[] bytes, int dataLength)
    {
        byte[] changed = [.. bytes];
        // NaN or infinity both as fp32 and, in either half, as bf16; and as fp16.
        uint bits = dice.Of(0x7FC0_7FC0u, 0x7F80_7F80u, 0xFF80_FF80u, 0xFFFF_FFFFu, 0x7C00_7C00u, 0x7E00_7E00u);
        int at = bytes.Length - dataLength + 4 * dice.Below(dataLength / 4);
        BinaryPrimitives.WriteUInt32LittleEndian(changed.AsSpan(at), bits);
        return new Mutated(changed, $"{bits:x} put among the weights at {at}");
    }

    private static Mutated ChangeTensor(Dice dice, byte[] header)
    {
        JsonObject root = JsonNode.Parse(header)!.AsObject();
        string[] names = [.. root.Select(member => member.Key).Where(name => name != "__metadata__")];
        string name = dice.Of(names), other = dice.Of(names);
        JsonObject tensor = root[name]!.AsObject(), second = root[other]!.AsObject();
        JsonArray shape = tensor["shape"]!.AsArray(), offsets = tensor["data_offsets"]!.AsArray();
        string what;
        switch (dice.Below(9))
        {
            case 0:
                tensor["dtype"] = what = dice.Of(types);
                break;
            case 1:
                tensor["data_offsets"] = second["data_offsets"]!.DeepClone();
                what = "lies where another does";
                break;
            case 2:
                (root[name], root[other]) = (second.DeepClone(), tensor.DeepClone());
                what = "changed places with another";
                break;
            case 3:
                long shift = dice.Of<long>(-8, -4, -1, 1, 4, 8, 4096, 1L << 40);
                tensor["data_offsets"] = new JsonArray([.. offsets.Select(offset => JsonValue.Create(offset!.GetValue<long>() + shift))]);
                what = $"moved by {shift}";
                break;
            case 4:
                offsets[dice.Below(2)] = dice.Of(sizes);
                what = $"offsets {offsets.ToJsonString()}";
                break;
            case 5:
                tensor["data_offsets"] = new JsonArray(offsets[1]!.DeepClone(), offsets[0]!.DeepClone());
                what = "offsets turned round";
                break;
            case 6:
                shape.Insert(dice.Below(shape.Count + 1), dice.Of(sizes));
                what = $"shape {shape.ToJsonString()}";
                break;
            case 7:
                tensor["shape"] = new JsonArray([.. shape.Reverse().Select(size => size!.DeepClone())]);
                what = "shape turned round";
                break;
            default:
                long factor = dice.Of(1L << 16, 1L << 31, 1L << 32, 1L << 62);
                tensor["shape"] = new JsonArray(factor, factor, dice.Of(sizes));
                tensor["data_offsets"] = new JsonArray(offsets[0]!.DeepClone(), dice.Of(sizes));
                what = "a shape whose product overflows";
                break;
        }
        return new Mutated(Encoding.UTF8.GetBytes(root.ToJsonString()), $"tensor {name}: {what}");
    }
}
