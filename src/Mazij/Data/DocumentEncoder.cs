using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Mazij.Text;
using Mazij.Text.Corpora;

namespace Mazij.Data;

/// <summary>Turns documents into ids and checks what the tokenizer gave. Safe to share between threads.</summary>
internal sealed class DocumentEncoder
{
    private readonly ITokenizer tokenizer;
    private readonly ushort[] textBytes;

    public DocumentEncoder(ITokenizer tokenizer)
    {
        this.tokenizer = tokenizer;
        textBytes = new ushort[tokenizer.VocabularySize];
        for (int id = 0; id < textBytes.Length; id++)
            textBytes[id] = id == tokenizer.EndOfTextId ? (ushort)0 : LengthOf(id);
    }

    /// <summary>How many bytes of text each id stands for, as the manifest stores it.</summary>
    public byte[] TextBytesTable()
    {
        byte[] table = new byte[2 * textBytes.Length];
        for (int id = 0; id < textBytes.Length; id++)
            BinaryPrimitives.WriteUInt16LittleEndian(table.AsSpan(2 * id), textBytes[id]);
        return table;
    }

    /// <summary>Appends a document's ids and the end of text.</summary>
    /// <exception cref="InputException">The ids do not stand for exactly the document's bytes.</exception>
    public void Encode(in Document document, List<int> ids)
    {
        int start = ids.Count;
        tokenizer.Encode(document.Text.Span, ids);
        long bytes = 0;
        foreach (int id in CollectionsMarshal.AsSpan(ids)[start..])
        {
            if ((uint)id >= (uint)textBytes.Length)
                throw new InputException(
                    $"The tokenizer gave the id {id}, its vocabulary has {textBytes.Length}: its file is damaged.");
            bytes += textBytes[id];
        }
        if (bytes != document.Text.Length)
        {
            throw new InputException(
                $"The tokenizer turns the {document.Text.Length} bytes of '{document.Source}' (document "
                + $"{document.Index}) into tokens of {bytes} bytes, so bits per byte would be wrong: use a byte-level tokenizer without normalisation.");
        }
        if (tokenizer.EndOfTextId is int end) ids.Add(end);
    }

    private ushort LengthOf(int id)
    {
        int length;
        try
        {
            length = tokenizer.Decode([id]).Length;
        }
        catch (InputException)
        {
            // A hole in the vocabulary: no text gives this id.
            return 0;
        }
        return length <= ushort.MaxValue
            ? (ushort)length
            : throw new InputException(
                $"The tokenizer's id {id} stands for {length} bytes: at most {ushort.MaxValue} can be stored.");
    }
}
