using System.Buffers.Binary;
using System.Text;

namespace Mazij.Devices;

/// <summary>One symbol version that a shared library asks of another, and where the file says so.</summary>
/// <param name="Library">The library it is asked of, as libstdc++.so.6.</param>
/// <param name="Version">The version, as GLIBCXX_3.4.32.</param>
/// <param name="FlagsOffset">Where in the file the 16 bits of vna_flags are.</param>
/// <param name="Index">The number by which the symbol table refers to this version.</param>
internal readonly record struct ElfVersionNeed(string Library, string Version, int FlagsOffset, ushort Index);

/// <summary>
/// The parts of a 64-bit little-endian ELF shared library that say which symbol versions it asks for and which it has,
/// read through its dynamic section as the loader does (System V ABI; Linux Standard Base, "Symbol Versioning"). Every
/// offset is checked: a damaged file gives <see cref="InvalidDataException"/>, never a read outside it.
/// </summary>
internal sealed class ElfImage
{
    private const uint Load = 1, Dynamic = 2;
    private const long StringTable = 5, SymbolTable = 6, StringSize = 10, Rela = 7, RelaSize = 8, JumpRel = 23,
        PltRelSize = 2, VersionSymbols = 0x6ffffff0, VersionDefined = 0x6ffffffc, VersionNeeded = 0x6ffffffe;

    private readonly byte[] bytes;
    private readonly List<(ulong Address, ulong Offset, ulong Size)> segments = [];
    private readonly Dictionary<long, ulong> dynamic = [];

    /// <summary>Parses the headers.</summary>
    /// <param name="bytes">The whole file; it is read in place, not copied.</param>
    /// <exception cref="InvalidDataException">Not a 64-bit little-endian ELF file, or a damaged one.</exception>
    public ElfImage(byte[] bytes)
    {
        this.bytes = bytes;
        if (bytes.Length < 64 || !bytes.AsSpan(0, 4).SequenceEqual("\u007fELF"u8))
            throw new InvalidDataException("not an ELF file");
        if (bytes[4] != 2 || bytes[5] != 1)
            throw new InvalidDataException("not a 64-bit little-endian ELF file");
        Machine = U16(18);
        ulong headers = U64(32);
        int size = U16(54), count = U16(56);
        if (size < 56)
            throw new InvalidDataException("damaged program headers");
        ulong dynamicOffset = 0, dynamicSize = 0;
        for (int i = 0; i < count; i++)
        {
            ulong at = checked(headers + (ulong)(i * size));
            uint type = U32(at);
            if (type == Load)
                segments.Add((U64(at + 16), U64(at + 8), U64(at + 32)));
            else if (type == Dynamic)
                (dynamicOffset, dynamicSize) = (U64(at + 8), U64(at + 32));
        }
        for (ulong at = dynamicOffset; at - dynamicOffset + 16 <= dynamicSize; at += 16)
        {
            long tag = (long)U64(at);
            if (tag == 0)
                break;
            dynamic.TryAdd(tag, U64(at + 8));
        }
    }

    /// <summary>The processor the file is for: 62 x86-64, 183 AArch64.</summary>
    public ushort Machine { get; }

    /// <summary>The symbol versions this library asks of others.</summary>
    public List<ElfVersionNeed> VersionNeeds()
    {
        List<ElfVersionNeed> needs = [];
        if (!dynamic.TryGetValue(VersionNeeded, out ulong address))
            return needs;
        ulong at = FileOffset(address);
        for (int limit = bytes.Length / 16; limit > 0; limit--)
        {
            string library = Text(U32(at + 4));
            ulong entry = at + U32(at + 8);
            for (int left = U16(at + 2); left > 0; left--)
            {
                needs.Add(new(library, Text(U32(entry + 8)), Within(entry + 4, 2), (ushort)(U16(entry + 6) & 0x7fff)));
                if (needs.Count > bytes.Length / 16)
                    throw new InvalidDataException("more version needs than the file has room for");
                uint step = U32(entry + 12);
                if (step == 0)
                    break;
                entry += step;
            }
            uint next = U32(at + 12);
            if (next == 0)
                return needs;
            at += next;
        }
        throw new InvalidDataException("endless version needs");
    }

    /// <summary>The symbol versions this library has.</summary>
    public HashSet<string> DefinedVersions()
    {
        HashSet<string> versions = [];
        if (!dynamic.TryGetValue(VersionDefined, out ulong address))
            return versions;
        ulong at = FileOffset(address);
        for (int limit = bytes.Length / 20; limit > 0; limit--)
        {
            versions.Add(Text(U32(at + U32(at + 12))));
            uint next = U32(at + 16);
            if (next == 0)
                return versions;
            at += next;
        }
        throw new InvalidDataException("endless version definitions");
    }

    /// <summary>
    /// Whether any relocation refers to a symbol of this version. If none does, the loader never looks such a symbol
    /// up, and the version is asked for only on paper.
    /// </summary>
    public bool IsUsed(ElfVersionNeed need)
    {
        if (!dynamic.TryGetValue(VersionSymbols, out ulong versions) || !dynamic.ContainsKey(SymbolTable))
            throw new InvalidDataException("no symbol versions");
        ulong table = FileOffset(versions);
        return Uses(Rela, RelaSize) || Uses(JumpRel, PltRelSize);

        bool Uses(long start, long size)
        {
            if (!dynamic.TryGetValue(start, out ulong address) || !dynamic.TryGetValue(size, out ulong length))
                return false;
            ulong at = FileOffset(address);
            for (ulong end = checked(at + length); at + 24 <= end; at += 24)
            {
                ulong symbol = U64(at + 8) >> 32;
                if (symbol != 0 && (U16(table + (2 * symbol)) & 0x7fff) == need.Index)
                    return true;
            }
            return false;
        }
    }

    private string Text(uint offset)
    {
        if (!dynamic.TryGetValue(StringTable, out ulong address) || !dynamic.TryGetValue(StringSize, out ulong size)
            || offset >= size)
        {
            throw new InvalidDataException("a name outside the string table");
        }
        int start = Within(FileOffset(address) + offset, 1);
        int length = bytes.AsSpan(start, Math.Min(bytes.Length - start, 4096)).IndexOf((byte)0);
        if (length < 0)
            throw new InvalidDataException("a name without an end");
        return Encoding.UTF8.GetString(bytes, start, length);
    }

    private ulong FileOffset(ulong address)
    {
        foreach ((ulong start, ulong offset, ulong size) in segments)
        {
            if (address >= start && address - start < size)
                return offset + (address - start);
        }
        throw new InvalidDataException("an address outside every segment");
    }

    private int Within(ulong offset, int size) =>
        offset <= (ulong)bytes.Length && (ulong)size <= (ulong)bytes.Length - offset
            ? (int)offset
            : throw new InvalidDataException($"offset {offset} is outside the file");

    private ushort U16(ulong offset) => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(Within(offset, 2)));

    private uint U32(ulong offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(Within(offset, 4)));

    private ulong U64(ulong offset) => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(Within(offset, 8)));
}
