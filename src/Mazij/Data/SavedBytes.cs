namespace Mazij.Data;

/// <summary>Bytes of a given length in the state of an unfinished build.</summary>
internal static class SavedBytes
{
    /// <summary>Writes the length and the bytes.</summary>
    public static void Write(BinaryWriter target, ReadOnlySpan<byte> bytes)
    {
        target.Write(bytes.Length);
        target.Write(bytes);
    }

    /// <summary>Reads a length and so many bytes; nothing is allocated for more than there are.</summary>
    /// <exception cref="InvalidDataException">The length is no length, or more than what is left.</exception>
    public static byte[] Read(BinaryReader source)
    {
        int length = source.ReadInt32();
        long left = source.BaseStream.Length - source.BaseStream.Position;
        return length >= 0 && length <= left
            ? source.ReadBytes(length)
            : throw new InvalidDataException($"{length} bytes are announced, {left} are left");
    }

    /// <summary>Whether an exception says that bytes were not what a state holds.</summary>
    public static bool IsDamage(Exception error) => error is IOException or InvalidDataException or FormatException;
}
