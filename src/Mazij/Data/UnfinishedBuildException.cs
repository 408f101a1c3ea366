namespace Mazij.Data;

/// <summary>An unfinished build cannot go on: it has to start over.</summary>
/// <param name="reason">Why, a clause.</param>
/// <param name="textWasRead">Whether text of the corpus was read, which cannot be read again from standard input.</param>
internal sealed class UnfinishedBuildException(string reason, bool textWasRead) : Exception(reason)
{
    public bool TextWasRead => textWasRead;
}
