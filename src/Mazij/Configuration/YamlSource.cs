using System.Text;

namespace Mazij.Configuration;

/// <summary>YAML text and where it came from.</summary>
/// <param name="Name">The file's path, or another name to show in messages.</param>
/// <param name="Text">The text.</param>
internal sealed record YamlSource(string Name, string Text)
{
    /// <summary>Largest file accepted, in bytes: a run file has a few thousand.</summary>
    public const int MaximumBytes = 1 << 20;

    private static readonly UTF8Encoding StrictUtf8 =
        new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The path below which the document's keys lie; used by <c>--set</c>.</summary>
    internal YamlPath RootPath { get; init; } = YamlPath.Root;

    /// <summary>True if this is the value of a <c>--set</c>.</summary>
    internal bool IsOverride { get; init; }

    /// <summary>Reads a UTF-8 file of at most <see cref="MaximumBytes"/>.</summary>
    /// <exception cref="InputException">There is no such file, or it is a folder, too large, or not text.</exception>
    public static YamlSource FromFile(string path)
    {
        YamlLocation file = YamlLocation.Of(path);
        if (Directory.Exists(path))
            throw file.Error("this is a folder; name a YAML file");
        byte[] bytes;
        try
        {
            bytes = ReadLimited(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw file.Error("there is no such file", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw file.Error($"cannot be read: {MessageText.OneLine(e.Message, 200)}", e);
        }
        if (bytes.Length > MaximumBytes)
            throw file.Error($"is larger than {MaximumBytes / 1024} KiB; this is not a run file");
        return new YamlSource(path, Decode(bytes, file));
    }

    private static byte[] ReadLimited(string path)
    {
        using FileStream stream = File.OpenRead(path);
        byte[] buffer = new byte[MaximumBytes + 1];
        int length = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        return buffer[..length];
    }

    private static string Decode(byte[] bytes, YamlLocation file)
    {
        int start = bytes.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0;
        for (int i = start; i < bytes.Length; i++)
        {
            if (bytes[i] < 0x20 && bytes[i] is not ((byte)'\t' or (byte)'\n' or (byte)'\r'))
                throw file.Error($"byte {i} is 0x{bytes[i]:x2}, a control character; this is not a text file");
        }
        try
        {
            return StrictUtf8.GetString(bytes, start, bytes.Length - start);
        }
        catch (DecoderFallbackException e)
        {
            throw file.Error($"byte {start + e.Index} is not valid UTF-8; save the file as UTF-8 text", e);
        }
    }
}
