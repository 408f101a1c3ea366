using System.Runtime.InteropServices;
using System.Text.Json;

namespace Mazij.Generation;

/// <summary>Reads token ids from JSON files, with errors that name the place.</summary>
internal static class IdFile
{
    private const long LargestFile = 1L << 30;
    private const string ListExample = "[1, 2, 3]", SequencesExample = "[[1, 2, 3], [4, 5, 6]]";

    /// <summary>Reads one list of ids, as [1, 2, 3].</summary>
    /// <exception cref="InputException">The file cannot be read or holds something else.</exception>
    public static int[] ReadList(string path)
    {
        byte[] json = ReadBytes(path);
        return Guard(path, () =>
        {
            Utf8JsonReader reader = Start(path, json, ListExample);
            List<int> ids = [];
            ReadRest(ref reader, ids, index => $"{path}: element {index}");
            End(ref reader);
            return ids.ToArray();
        });
    }

    /// <summary>Reads sequences of equal length, as [[1, 2, 3], [4, 5, 6]].</summary>
    /// <param name="path">The file.</param>
    /// <param name="vocabularySize">Every id must be below it.</param>
    /// <exception cref="InputException">The file cannot be read, is no such array, the sequences are empty or differ in
    /// length, or an id is out of range: names the sequence and the position, both counted from 0.</exception>
    public static int[][] ReadSequences(string path, int vocabularySize)
    {
        byte[] json = ReadBytes(path);
        return Guard(path, () =>
        {
            Utf8JsonReader reader = Start(path, json, SequencesExample);
            List<int[]> sequences = [];
            List<int> ids = [];
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                int sequence = sequences.Count;
                if (reader.TokenType != JsonTokenType.StartArray)
                    throw new InputException($"{path}: element {sequence} is no array of ids; give sequences, as {SequencesExample}");
                ids.Clear();
                ReadRest(ref reader, ids, position => $"{path}: sequence {sequence}, position {position}");
                CheckSequence(path, ids, sequence, sequences.Count > 0 ? sequences[0].Length : null, vocabularySize);
                sequences.Add([.. ids]);
            }
            End(ref reader);
            if (sequences.Count == 0)
                throw new InputException($"{path}: holds no sequence; give sequences of ids, as {SequencesExample}");
            return sequences.ToArray();
        });
    }

    private static void CheckSequence(string path, List<int> ids, int sequence, int? length, int vocabularySize)
    {
        if (ids.Count == 0)
            throw new InputException($"{path}: sequence {sequence} is empty");
        if (length is int expected && ids.Count != expected)
            throw new InputException($"{path}: sequence {sequence} has {ids.Count} ids, sequence 0 has {expected}; all must be of equal length");
        ReadOnlySpan<int> span = CollectionsMarshal.AsSpan(ids);
        for (int position = 0; position < span.Length; position++)
        {
            if ((uint)span[position] >= (uint)vocabularySize)
            {
                throw new InputException(
                    $"{path}: sequence {sequence}, position {position}: id {span[position]} is out of range; the model's ids are 0 to {vocabularySize - 1}");
            }
        }
    }

    private static Utf8JsonReader Start(string path, byte[] json, string example)
    {
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = 8 });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray)
            throw new InputException($"{path}: holds no array; give ids as {example}");
        return reader;
    }

    private static void ReadRest(ref Utf8JsonReader reader, List<int> ids, Func<int, string> place)
    {
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int id))
                throw new InputException($"{place(ids.Count)} is no id (a whole number)");
            ids.Add(id);
        }
    }

    // The reader itself refuses what follows the outermost value.
    private static void End(ref Utf8JsonReader reader) => reader.Read();

    private static T Guard<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (JsonException error)
        {
            throw new InputException(
                $"{path}: not valid JSON at line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}", error);
        }
    }

    private static byte[] ReadBytes(string path)
    {
        try
        {
            FileInfo file = new(path);
            if (!file.Exists)
                throw new InputException($"{path}: there is no such file");
            if (file.Length > LargestFile)
                throw new InputException($"{path}: {file.Length} bytes are too many for a file of ids; split it");
            byte[] bytes = File.ReadAllBytes(path);
            return bytes.AsSpan().StartsWith("\uFEFF"u8) ? bytes[3..] : bytes;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path}: cannot be read: {MessageText.OneLine(error.Message, 200)}", error);
        }
    }
}
