using Mazij.Text.Corpora;

namespace Mazij.Cli;

/// <summary>Reads the texts that commands are given.</summary>
internal static class TextInput
{
    /// <summary>The name that stands for standard input.</summary>
    public const string StandardInput = "-";

    /// <summary>The bytes of a file, or of standard input for "-"; a byte order mark is not part of them.</summary>
    /// <exception cref="InputException">It cannot be read, or is not UTF-8: names the byte.</exception>
    public static byte[] ReadUtf8(string path)
    {
        string name = path == StandardInput ? "standard input" : path;
        byte[] text = ReadBytes(path, name);
        if (text.AsSpan().StartsWith(Utf8Text.ByteOrderMark))
            text = text[Utf8Text.ByteOrderMark.Length..];
        int invalid = Utf8Text.FirstInvalid(text);
        return invalid < 0 ? text : throw new InputException($"{name}: byte {invalid} is not UTF-8; convert the text to UTF-8");
    }

    private static byte[] ReadBytes(string path, string name)
    {
        try
        {
            if (path != StandardInput)
                return File.ReadAllBytes(path);
            using Stream input = Console.OpenStandardInput();
            using MemoryStream buffer = new();
            input.CopyTo(buffer);
            return buffer.ToArray();
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"{name}: there is no such file{ModelFolder.Hint(path, [])}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{name}: cannot be read: {MessageText.OneLine(error.Message, 200)}", error);
        }
    }
}
