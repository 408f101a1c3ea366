namespace Mazij.Text.Corpora;

/// <summary>How text lies in standard input.</summary>
public enum StandardInputFormat
{
    /// <summary>A JSON object per line, as in a .jsonl file.</summary>
    JsonLines,

    /// <summary>Text, as in a .txt file.</summary>
    Text,
}

/// <summary>What <see cref="Corpus.StandardInput"/> stands for among the inputs of a corpus.</summary>
/// <param name="Format">How the text lies in it.</param>
/// <param name="Open">Opens it, uncompressed.</param>
/// <param name="CanBeReadAgain">Whether <paramref name="Open"/> can be called again and gives the same bytes.</param>
public sealed record StandardInput(StandardInputFormat Format, Func<Stream> Open, bool CanBeReadAgain = false);
