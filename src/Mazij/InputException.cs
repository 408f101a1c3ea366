namespace Mazij;

/// <summary>
/// The input was wrong: a file, a key, a value, an option. The message is one line that says what is wrong, where,
/// and what to do; the command line prints it as it is and exits with code 2.
/// </summary>
public sealed class InputException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">One line: what is wrong, where (file, line or byte, key), what to do.</param>
    public InputException(string message) : base(message) { }

    /// <summary>Creates the exception with the cause, which is logged but not shown.</summary>
    /// <param name="message">One line: what is wrong, where (file, line or byte, key), what to do.</param>
    /// <param name="innerException">The cause.</param>
    public InputException(string message, Exception innerException) : base(message, innerException) { }
}
