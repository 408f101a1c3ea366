using System.Text;

namespace Mazij.Text.Tokenizers;

/// <summary>
/// Decodes ids one at a time. A token may end inside a character (an emoji is often several tokens): such bytes are
/// held
/// back, three at most, until the character is complete. Bytes that can never become UTF-8 yield U+FFFD. Not
/// thread-safe.
/// </summary>
public sealed class TokenStreamDecoder
{
    private readonly BpeTokenizer tokenizer;
    private readonly bool skipSpecialTokens;
    private readonly Decoder decoder = Encoding.UTF8.GetDecoder();

    internal TokenStreamDecoder(BpeTokenizer tokenizer, bool skipSpecialTokens)
    {
        this.tokenizer = tokenizer;
        this.skipSpecialTokens = skipSpecialTokens;
    }

    /// <summary>Takes the next id and returns the text that is complete now, possibly empty.</summary>
    /// <param name="id">The next id; one that is not used stands for nothing.</param>
    public string Append(int id) => skipSpecialTokens && tokenizer.IsSpecial(id)
        ? ""
        : Decode(tokenizer.TokenBytes(id), flush: false);

    /// <summary>
    /// Ends the stream and returns what was held back, as U+FFFD. The decoder can then be used afresh.
    /// </summary>
    public string Finish() => Decode([], flush: true);

    private string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        int count = decoder.GetCharCount(bytes, flush);
        if (count == 0)
        {
            decoder.GetChars(bytes, [], flush);
            return "";
        }
        char[] characters = new char[count];
        return new string(characters, 0, decoder.GetChars(bytes, characters, flush));
    }
}
