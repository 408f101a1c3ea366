using System.Buffers;
using System.Globalization;
using System.Text;

namespace Mazij.Text.Tokenizers;

/// <summary>
/// Unicode Normalization Form C of UTF-8 (Unicode Standard Annex 15). Our own, because string.Normalize does nothing
/// where
/// globalization is invariant. Bytes that are not UTF-8 pass through and separate what surrounds them.
/// </summary>
internal static class Nfc
{
    private const int HangulFirst = 0xAC00, LeadFirst = 0x1100, VowelFirst = 0x1161, TrailFirst = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TrailCount = 28;
    private const int HangulCount = LeadCount * VowelCount * TrailCount;

    private static readonly Lazy<Tables> Canonical = new(Tables.Read);

    /// <summary>The text in form C, or null if it is already.</summary>
    public static byte[]? Normalize(ReadOnlySpan<byte> text)
    {
        if (Ascii.IsValid(text))
            return null;
        Tables tables = Canonical.Value;
        ArrayBufferWriter<byte>? output = null;
        List<(int Value, byte Class)> segment = [];
        int copied = 0;
        for (int at = 0; at < text.Length;)
        {
            if (text[at] < 0x80)
            {
                at++;
                continue;
            }
            OperationStatus status = Rune.DecodeFromUtf8(text[at..], out Rune rune, out int length);
            if (status != OperationStatus.Done || !tables.MayChange(rune.Value))
            {
                at += length;
                continue;
            }
            // A character that may change: normalize from the starter before it up to the next that cannot be touched.
            int start = SegmentStart(text, copied, at);
            int end = SegmentEnd(text, at + length, tables);
            output ??= new ArrayBufferWriter<byte>(text.Length + 64);
            output.Write(text[copied..start]);
            Compose(text[start..end], segment, tables, output);
            copied = at = end;
        }
        if (output is null)
            return null;
        output.Write(text[copied..]);
        return output.WrittenSpan.SequenceEqual(text) ? null : output.WrittenSpan.ToArray();
    }

    /// <summary>One character back, as the one before <paramref name="at"/> may compose with it.</summary>
    private static int SegmentStart(ReadOnlySpan<byte> text, int from, int at)
    {
        if (at == from)
            return at;
        OperationStatus status = Rune.DecodeLastFromUtf8(text[from..at], out _, out int length);
        return status == OperationStatus.Done ? at - length : at;
    }

    private static int SegmentEnd(ReadOnlySpan<byte> text, int at, Tables tables)
    {
        while (at < text.Length)
        {
            OperationStatus status = Rune.DecodeFromUtf8(text[at..], out Rune rune, out int length);
            if (status != OperationStatus.Done || !tables.MayChange(rune.Value))
                break;
            at += length;
        }
        return at;
    }

    private static void Compose(ReadOnlySpan<byte> text, List<(int Value, byte Class)> segment, Tables tables,
        ArrayBufferWriter<byte> output)
    {
        segment.Clear();
        foreach (Rune rune in Encoding.UTF8.GetString(text).EnumerateRunes())
            Decompose(rune.Value, segment, tables);
        Reorder(segment);

        int starter = -1, written = 0;
        byte lastClass = 0;
        for (int i = 0; i < segment.Count; i++)
        {
            (int value, byte combining) = segment[i];
            bool blocked = starter >= 0 && written > starter + 1 && (lastClass == 0 || lastClass >= combining);
            if (starter >= 0 && !blocked && TryCompose(segment[starter].Value, value, tables, out int composed))
            {
                segment[starter] = (composed, 0);
                continue;
            }
            if (combining == 0)
                starter = written;
            lastClass = combining;
            segment[written++] = (value, combining);
        }
        foreach ((int value, _) in segment[..written])
            output.Advance(new Rune(value).EncodeToUtf8(output.GetSpan(4)));
    }

    /// <summary>Canonical order: within each run of combining characters a stable sort by class.</summary>
    private static void Reorder(List<(int Value, byte Class)> segment)
    {
        for (int start = 0; start < segment.Count;)
        {
            int end = start;
            while (end < segment.Count && segment[end].Class != 0)
                end++;
            if (end - start > 1)
            {
                (int Value, byte Class)[] sorted = [.. segment[start..end].OrderBy(character => character.Class)];
                for (int i = 0; i < sorted.Length; i++)
                    segment[start + i] = sorted[i];
            }
            start = end + 1;
        }
    }

    private static void Decompose(int value, List<(int Value, byte Class)> segment, Tables tables)
    {
        if (value is >= HangulFirst and < HangulFirst + HangulCount)
        {
            int index = value - HangulFirst;
            segment.Add((LeadFirst + index / (VowelCount * TrailCount), 0));
            segment.Add((VowelFirst + index / TrailCount % VowelCount, 0));
            if (index % TrailCount != 0)
                segment.Add((TrailFirst + index % TrailCount, 0));
        }
        else if (tables.Decompositions.TryGetValue(value, out int[]? parts))
        {
            foreach (int part in parts)
                Decompose(part, segment, tables);
        }
        else
        {
            segment.Add((value, tables.Classes.GetValueOrDefault(value)));
        }
    }

    private static bool TryCompose(int first, int second, Tables tables, out int composed)
    {
        if (first is >= LeadFirst and < LeadFirst + LeadCount && second is >= VowelFirst and < VowelFirst + VowelCount)
        {
            composed = HangulFirst + ((first - LeadFirst) * VowelCount + second - VowelFirst) * TrailCount;
            return true;
        }
        if (first is >= HangulFirst and < HangulFirst + HangulCount && (first - HangulFirst) % TrailCount == 0 &&
            second is > TrailFirst and < TrailFirst + TrailCount)
        {
            composed = first + second - TrailFirst;
            return true;
        }
        return tables.Compositions.TryGetValue((first, second), out composed);
    }

    /// <summary>The tables, read from canonical.txt.</summary>
    private sealed class Tables
    {
        private readonly HashSet<int> changing = [];

        public Dictionary<int, int[]> Decompositions { get; } = [];

        public Dictionary<(int First, int Second), int> Compositions { get; } = [];

        public Dictionary<int, byte> Classes { get; } = [];

        /// <summary>
        /// Whether the character, where it stands, may not be in form C: it is replaced, it combines with what precedes
        /// it, or it may have to change places. (NFC_Quick_Check No or Maybe, or a combining class.)
        /// </summary>
        public bool MayChange(int value) => value >= 0x300 && changing.Contains(value);

        public static Tables Read()
        {
            Tables tables = new();
            using Stream stream = typeof(Nfc).Assembly.GetManifestResourceStream("Mazij.Text.Tokenizers.canonical.txt")
                ?? throw new InvalidOperationException("canonical.txt is not embedded");
            using StreamReader reader = new(stream);
            while (reader.ReadLine() is string line)
            {
                if (line.StartsWith('#'))
                    continue;
                foreach (string item in line.Split(' '))
                    tables.Add(item);
            }
            for (int vowel = VowelFirst; vowel < VowelFirst + VowelCount; vowel++)
                tables.changing.Add(vowel);
            for (int trail = TrailFirst + 1; trail < TrailFirst + TrailCount; trail++)
                tables.changing.Add(trail);
            return tables;
        }

        private void Add(string item)
        {
            int colon = item.IndexOf(':');
            if (colon >= 0)
            {
                int dots = item.IndexOf("..", StringComparison.Ordinal);
                byte combining = byte.Parse(item.AsSpan(colon + 1), CultureInfo.InvariantCulture);
                for (int value = Hex(item[..dots]); value <= Hex(item[(dots + 2)..colon]); value++)
                {
                    Classes.Add(value, combining);
                    changing.Add(value);
                }
                return;
            }
            int sign = item.AsSpan().IndexOfAny('=', '-');
            int character = Hex(item[..sign]);
            int[] parts = [.. item[(sign + 1)..].Split('+').Select(Hex)];
            Decompositions.Add(character, parts);
            if (item[sign] == '=')
            {
                Compositions.Add((parts[0], parts[1]), character);
                changing.Add(parts[1]);
            }
            else
            {
                changing.Add(character);
            }
        }

        private static int Hex(string digits) =>
            int.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
