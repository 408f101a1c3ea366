using System.Buffers;
using System.Text.Json;

namespace Mazij.Text.Corpora;

/// <summary>JSON Lines: one JSON object, and so one document, per line. One line at a time is in memory.</summary>
internal sealed class JsonLinesSource(SourceFile file) : IDocumentSource
{
    private const int InitialBytes = 256 << 10;

    public IReadOnlyList<string> Paths => file.Paths;

    public IEnumerable<Document> Read(CorpusOptions options, CorpusTally tally)
    {
        using SourceReader reader = file.Open(tally);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(InitialBytes);
        try
        {
            int start = 0, end = 0;
            long line = 1;
            while (true)
            {
                // Read until a whole line lies in [start, start + length).
                int length, scanned = start;
                while ((length = buffer.AsSpan(scanned, end - scanned).IndexOf((byte)'\n')) < 0)
                {
                    scanned = end;
                    if (end == buffer.Length) MakeRoom(ref buffer, ref start, ref end, ref scanned, line, options);
                    int read = reader.Read(buffer.AsSpan(end));
                    if (read == 0) break;
                    end += read;
                }
                bool last = length < 0;
                length = last ? end - start : scanned + length - start;
                if (!Utf8Text.IsBlank(buffer.AsSpan(start, length)))
                    yield return Document.Create(file.Name, line - 1, Text(buffer.AsSpan(start, length), line, options));
                if (last) break;
                start += length + 1;
                line++;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void MakeRoom(
        ref byte[] buffer, ref int start, ref int end, ref int scanned, long line, CorpusOptions options)
    {
        int length = end - start;
        if (length >= options.MaximumJsonLineBytes)
            throw new InputException(
                $"{file.Title} line {line} is longer than {options.MaximumJsonLineBytes} bytes: is it really JSON Lines?");
        byte[] larger = buffer;
        if (length > buffer.Length / 2)
            larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(2L * buffer.Length, Array.MaxLength));
        buffer.AsSpan(start, length).CopyTo(larger);
        if (larger != buffer) ArrayPool<byte>.Shared.Return(buffer);
        buffer = larger;
        (start, end, scanned) = (0, length, length);
    }

    private byte[] Text(ReadOnlySpan<byte> json, long line, CorpusOptions options)
    {
        if (line == 1 && json.StartsWith(Utf8Text.ByteOrderMark)) json = json[Utf8Text.ByteOrderMark.Length..];
        int invalid = Utf8Text.FirstInvalid(json);
        if (invalid >= 0) throw Bad(line, $"is not UTF-8: bad byte at column {invalid + 1}");
        try
        {
            return Field(json, line, options.JsonField);
        }
        catch (JsonException e)
        {
            throw Bad(line, $"is not a JSON object: error at column {(e.BytePositionInLine ?? 0) + 1}", e);
        }
        catch (InvalidOperationException e)
        {
            throw Bad(line, $"has a field '{options.JsonField}' with half of a surrogate pair", e);
        }
    }

    private byte[] Field(ReadOnlySpan<byte> json, long line, string field)
    {
        Utf8JsonReader reader = new(json);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw Bad(line, "is not a JSON object");
        byte[]? text = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool wanted = reader.ValueTextEquals(field);
            reader.Read();
            if (wanted && reader.TokenType != JsonTokenType.String)
                throw Bad(line, $"has a field '{field}' that is not a string");
            // As every JSON reader does: of two fields with one name, the later counts.
            if (wanted) text = Value(ref reader);
            else reader.Skip();
        }
        if (reader.Read()) throw Bad(line, "has more after its JSON object");
        return text ?? throw Bad(line, $"has no field '{field}': name the field that holds the text");
    }

    private static byte[] Value(ref Utf8JsonReader reader)
    {
        byte[] raw = ArrayPool<byte>.Shared.Rent(reader.ValueSpan.Length);
        try
        {
            int length = reader.CopyString(raw);
            bool afterReturn = false;
            length = Utf8Text.NormaliseLines(raw.AsSpan(0, length), raw, ref afterReturn);
            return raw.AsSpan(0, length).ToArray();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(raw);
        }
    }

    private InputException Bad(long line, string problem, Exception? inner = null) =>
        inner is null ? new($"{file.Title} line {line} {problem}.") : new($"{file.Title} line {line} {problem}.", inner);
}
