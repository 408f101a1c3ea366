using System.Buffers;
using System.Text;

namespace Mazij.Text.Tokenizers;

/// <summary>
/// Finds added tokens in text: the leftmost, of those the longest. A trie over the bytes of their contents.
/// </summary>
internal sealed class AddedTokenMatcher
{
    private readonly Dictionary<long, int> children = [];
    private readonly Dictionary<int, AddedToken> ends = [];
    private readonly SearchValues<byte> firstBytes;

    /// <summary>Creates a matcher for some tokens; none is allowed.</summary>
    /// <param name="tokens">The tokens; of equal contents the last counts.</param>
    /// <param name="spell">What a token's content looks like in the text that is searched.</param>
    public AddedTokenMatcher(IEnumerable<AddedToken> tokens, Func<string, byte[]> spell)
    {
        HashSet<byte> first = [];
        int nodes = 1;
        foreach (AddedToken token in tokens)
        {
            byte[] content = spell(token.Content);
            int node = 0;
            foreach (byte value in content)
            {
                long edge = ((long)node << 8) | value;
                if (!children.TryGetValue(edge, out node))
                    children.Add(edge, node = nodes++);
            }
            ends[node] = token;
            first.Add(content[0]);
        }
        firstBytes = SearchValues.Create(first.ToArray());
        IsEmpty = first.Count == 0;
    }

    /// <summary>Whether there is nothing to find.</summary>
    public bool IsEmpty { get; }

    /// <summary>The first added token at or after <paramref name="from"/>, with the white space it swallows.</summary>
    public bool TryFind(ReadOnlySpan<byte> text, int from, out Range range, out int id)
    {
        for (int at = from; at < text.Length; at++)
        {
            int skip = text[at..].IndexOfAny(firstBytes);
            if (skip < 0)
                break;
            at += skip;
            if (LongestAt(text, at, out int end) is not AddedToken token)
                continue;
            int start = at;
            while (token.StripLeft && start > from && PreviousSpace(text[from..start]) is > 0 and int before)
                start -= before;
            while (token.StripRight && end < text.Length && NextSpace(text[end..]) is > 0 and int after)
                end += after;
            range = start..end;
            id = token.Id;
            return true;
        }
        range = default;
        id = 0;
        return false;
    }

    private AddedToken? LongestAt(ReadOnlySpan<byte> text, int start, out int end)
    {
        AddedToken? found = null;
        end = start;
        int node = 0;
        for (int at = start; at < text.Length && children.TryGetValue(((long)node << 8) | text[at], out node); at++)
        {
            if (ends.TryGetValue(node, out AddedToken? token))
            {
                found = token;
                end = at + 1;
            }
        }
        return found;
    }

    private static int PreviousSpace(ReadOnlySpan<byte> text)
    {
        Rune.DecodeLastFromUtf8(text, out Rune rune, out int length);
        return Rune.IsWhiteSpace(rune) ? length : 0;
    }

    private static int NextSpace(ReadOnlySpan<byte> text)
    {
        Rune.DecodeFromUtf8(text, out Rune rune, out int length);
        return Rune.IsWhiteSpace(rune) ? length : 0;
    }
}
