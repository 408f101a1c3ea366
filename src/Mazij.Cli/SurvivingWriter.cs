using System.Text;

namespace Mazij.Cli;

/// <summary>
/// Writes for people to read, and never fails: what a vanished terminal, a closed pipe or a full disk does not take is lost,
/// and the work that it tells of goes on.
/// </summary>
/// <param name="write">Writes a text and flushes it.</param>
internal sealed class SurvivingWriter(Action<string> write) : TextWriter
{
    private volatile bool isAbandoned;
    private volatile bool hasFailed;

    /// <summary>Standard output, whatever it is at the moment.</summary>
    public static SurvivingWriter OfStandardOutput() => new(Console.Out.Write);

    /// <summary>Standard error, whatever it is at the moment.</summary>
    public static SurvivingWriter OfStandardError() => new(Console.Error.Write);

    /// <inheritdoc/>
    public override Encoding Encoding => Encoding.UTF8;

    /// <summary>Whether a text was lost.</summary>
    public bool HasFailed => hasFailed;

    /// <summary>Writes nothing from now on.</summary>
    public void Abandon() => isAbandoned = true;

    /// <inheritdoc/>
    public override void Write(char value) => Write(value.ToString());

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    /// <inheritdoc/>
    public override void WriteLine(string? value) => Write(value + NewLine);

    /// <inheritdoc/>
    public override void Write(string? value)
    {
        if (isAbandoned)
            return;
        try
        {
            write(value ?? "");
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or UnauthorizedAccessException)
        {
            // The last is what .NET makes of a descriptor that was closed. There is nobody to tell.
            hasFailed = true;
        }
    }
}
