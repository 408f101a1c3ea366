using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace Mazij.Data;

/// <summary>
/// Finds text that several data sets of one tokenizer hold, document by document: what belongs to a data set that comes
/// earlier, or is validation text of any, is foreign to the later ones. Reads every token once.
/// </summary>
internal sealed class SharedText
{
    private readonly HashSet<UInt128> owned = [];
    private int[] buffer = [];

    /// <summary>Makes validation text foreign to everybody.</summary>
    /// <param name="validation">The validation split of one of the data sets.</param>
    public void Reserve(TokenSplit validation)
    {
        foreach (DocumentReference document in validation.EnumerateDocuments())
            owned.Add(HashOf(validation, document));
    }

    /// <summary>Gives a training split the documents that nobody has yet, and returns where the others are, ascending.</summary>
    public IReadOnlyList<TokenRange> Claim(TokenSplit train)
    {
        List<TokenRange> foreign = [];
        List<UInt128> own = [];
        foreach (DocumentReference document in train.EnumerateDocuments())
        {
            if (document.Tokens == 0)
                continue;
            UInt128 hash = HashOf(train, document);
            if (!owned.Contains(hash))
                own.Add(hash);
            else if (foreign.Count > 0 && foreign[^1].End == document.FirstToken)
                foreign[^1] = foreign[^1] with { End = document.FirstToken + document.Tokens };
            else
                foreign.Add(new TokenRange(document.FirstToken, document.FirstToken + document.Tokens));
        }
        owned.UnionWith(own);
        return foreign;
    }

    private UInt128 HashOf(TokenSplit split, in DocumentReference document)
    {
        int count = checked((int)document.Tokens);
        if (buffer.Length < count)
            buffer = new int[Math.Max(count, 2 * buffer.Length)];
        Span<int> ids = buffer.AsSpan(0, count);
        split.Read(document.FirstToken, ids);
        return XxHash128.HashToUInt128(MemoryMarshal.AsBytes(ids));
    }
}
