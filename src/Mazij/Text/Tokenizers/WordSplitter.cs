namespace Mazij.Text.Tokenizers;

/// <summary>
/// The family of GPT-2's pattern: contraction | prefix? letters+ | numbers | ' '? others+ newlines* | white space. Its
/// alternatives never need backtracking beyond one character, so each word is found in one scan.
/// </summary>
internal sealed class WordSplitter : PreSplitter
{
    private readonly bool contractionsIgnoreCase;
    private readonly bool spacePrefixOnly;
    private readonly int numberLimit;
    private readonly CharacterClass letters;

    private WordSplitter(bool contractionsIgnoreCase, bool spacePrefixOnly, int numberLimit, CharacterClass letters)
    {
        this.contractionsIgnoreCase = contractionsIgnoreCase;
        this.spacePrefixOnly = spacePrefixOnly;
        this.numberLimit = numberLimit;
        this.letters = letters;
    }

    /// <summary>
    /// Only a space may precede letters, numbers and others; numbers are not cut; newlines are white space.
    /// </summary>
    public static PreSplitter Gpt2 { get; } = new WordSplitter(false, true, int.MaxValue, CharacterClass.Letter);

    /// <summary>Any character but letters, numbers and newlines may precede letters; each digit is a word.</summary>
    public static PreSplitter Qwen2 { get; } = new WordSplitter(true, false, 1, CharacterClass.Letter);

    /// <summary>As <see cref="Qwen2"/>, but marks belong to letters.</summary>
    public static PreSplitter Qwen35 { get; } =
        new WordSplitter(true, false, 1, CharacterClass.Letter | CharacterClass.Mark);

    /// <summary>As <see cref="Qwen2"/>, but up to three digits are a word.</summary>
    public static PreSplitter Llama3 { get; } = new WordSplitter(true, false, 3, CharacterClass.Letter);

    /// <inheritdoc/>
    public override int Next(ReadOnlySpan<byte> text, int start)
    {
        CharacterClass first = Characters.At(text, start, out int length);
        int next = start + length;
        if ((first & letters) != 0)
            return Characters.SkipRun(text, next, letters);
        if ((first & CharacterClass.Number) != 0)
            return Characters.SkipAtMost(text, next, CharacterClass.Number, numberLimit - 1);
        byte firstByte = text[start];
        if (firstByte == (byte)'\'' &&
            Characters.Contraction(text, start, contractionsIgnoreCase) is > 0 and int contraction)
            return start + contraction;
        if (next < text.Length)
        {
            CharacterClass second = Characters.At(text, next, out length);
            bool prefix = spacePrefixOnly ? firstByte == (byte)' ' : (first & CharacterClass.Newline) == 0;
            if (prefix && (second & letters) != 0)
                return Characters.SkipRun(text, next + length, letters);
            if (firstByte == (byte)' ')
            {
                if (spacePrefixOnly && (second & CharacterClass.Number) != 0)
                    return Characters.SkipRun(text, next + length, CharacterClass.Number);
                if (IsOther(second))
                    return OthersEnd(text, next + length);
            }
        }
        return IsOther(first) ? OthersEnd(text, next) : WhiteSpaceEnd(text, start, breakAfterNewline: !spacePrefixOnly);
    }

    private bool IsOther(CharacterClass character) =>
        (character & (letters | CharacterClass.Number | CharacterClass.Space)) == 0;

    private int OthersEnd(ReadOnlySpan<byte> text, int position)
    {
        while (position < text.Length && IsOther(Characters.At(text, position, out int length)))
            position += length;
        return spacePrefixOnly ? position : Characters.SkipNewlines(text, position);
    }
}
