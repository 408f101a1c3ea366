using System.Text;

namespace Mazij.Cli;

/// <summary>
/// A console's writer for commands that must outlive it: what a vanished terminal, a closed pipe or a full disk does not take
/// is lost, and nothing else happens.
/// </summary>
internal sealed class SurvivingWriter(TextWriter inner) : TextWriter(inner.FormatProvider)
{
    /// <inheritdoc/>
    public override Encoding Encoding => inner.Encoding;

    /// <inheritdoc/>
    public override void Write(char value) => Try(value, static (writer, value) => writer.Write(value));

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count) =>
        Try((buffer, index, count), static (writer, part) => writer.Write(part.buffer, part.index, part.count));

    /// <inheritdoc/>
    public override void Write(string? value) => Try(value, static (writer, value) => writer.Write(value));

    /// <inheritdoc/>
    public override void WriteLine(string? value) => Try(value, static (writer, value) => writer.WriteLine(value));

    /// <inheritdoc/>
    public override void Flush() => Try(0, static (writer, _) => writer.Flush());

    private void Try<T>(T value, Action<TextWriter, T> write)
    {
        try
        {
            write(inner, value);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The second is what .NET makes of a descriptor that was closed. There is nobody to tell.
        }
    }
}
