using System.Globalization;
using System.Text;

namespace Mazij.Text.Corpora.Dotnet;

/// <summary>
/// Writes the type names of documentation comment ids as C# programmers do:
/// "System.Collections.Generic.List{System.Int32[]}" becomes "List&lt;int[]&gt;".
/// </summary>
internal ref struct TypeNameText(
    string text, IReadOnlyList<string> typeParameters, IReadOnlyList<string> methodParameters)
{
    private const int MaximumDepth = 32;
    private static readonly Dictionary<string, string> Keywords = new()
    {
        ["System.Boolean"] = "bool",
        ["System.Byte"] = "byte",
        ["System.SByte"] = "sbyte",
        ["System.Char"] = "char",
        ["System.Decimal"] = "decimal",
        ["System.Double"] = "double",
        ["System.Single"] = "float",
        ["System.Int32"] = "int",
        ["System.UInt32"] = "uint",
        ["System.Int64"] = "long",
        ["System.UInt64"] = "ulong",
        ["System.Int16"] = "short",
        ["System.UInt16"] = "ushort",
        ["System.IntPtr"] = "nint",
        ["System.UIntPtr"] = "nuint",
        ["System.Object"] = "object",
        ["System.String"] = "string",
        ["System.Void"] = "void",
    };

    private int position;

    public readonly bool AtEnd => position >= text.Length;

    /// <summary>"List`1" becomes "List&lt;T&gt;"; names of the parameters as declared, else the usual ones.</summary>
    public static string Generic(string name, IReadOnlyList<string> declared)
    {
        if (!name.Contains('`', StringComparison.Ordinal)) return name;
        IReadOnlyList<string> names = ParameterNames(name, declared);
        StringBuilder result = new(name.Length + 16);
        int used = 0;
        foreach (string part in name.Split('.'))
        {
            if (result.Length > 0) result.Append('.');
            int tick = part.IndexOf('`', StringComparison.Ordinal);
            if (tick < 0 || !TryCount(part.AsSpan(tick).TrimStart('`'), out int count))
            {
                result.Append(part);
                continue;
            }
            result.Append(part, 0, tick).Append('<').AppendJoin(", ", names.Skip(used).Take(count)).Append('>');
            used += count;
        }
        return result.ToString();
    }

    /// <summary>
    /// Names for the type parameters of a type or method, those of enclosing types first: as declared, else T; TKey and
    /// TValue; T1, T2...
    /// </summary>
    public static IReadOnlyList<string> ParameterNames(string fullName, IReadOnlyList<string> declared)
    {
        if (!fullName.Contains('`', StringComparison.Ordinal)) return [];
        List<string> names = [];
        foreach (string part in fullName.Split('.'))
        {
            int tick = part.IndexOf('`', StringComparison.Ordinal);
            if (tick < 0 || !TryCount(part.AsSpan(tick).TrimStart('`'), out int count)) continue;
            bool pair = count == 2
                && (part.Contains("Dictionary", StringComparison.Ordinal)
                    || part.StartsWith("KeyValue", StringComparison.Ordinal));
            for (int i = 0; i < count; i++)
            {
                names.Add(
                    count == 1 ? "T"
                    : pair ? i == 0 ? "TKey" : "TValue"
                    : "T" + (i + 1).ToString(CultureInfo.InvariantCulture));
            }
        }
        return declared.Count == names.Count ? declared : names;
    }

    /// <summary>The last part of a full name: "System.Collections.Generic.List`1" gives "List`1".</summary>
    public static string Short(string fullName) => fullName[(fullName.LastIndexOf('.') + 1)..];

    /// <summary>Writes the type at the position, which ends at a comma, a closing bracket or the end.</summary>
    /// <returns>Whether it is passed by reference.</returns>
    public bool Write(StringBuilder output, int depth = 0)
    {
        int start = output.Length;
        if (!AtEnd && text[position] == '`') WriteParameter(output);
        else WriteName(output, depth);
        bool byReference = false;
        while (!AtEnd)
        {
            char c = text[position];
            if (c is ',' or '}' or ')' or ']') break;
            position++;
            if (c == '[')
            {
                int close = text.IndexOf(']', position);
                if (close < 0) close = text.Length - 1;
                output.Append('[')
                    .Append(',', text.AsSpan(position, Math.Max(0, close - position)).Count(',')).Append(']');
                position = close + 1;
            }
            else if (c == '@')
            {
                byReference = true;
            }
            else
            {
                output.Append(c);
            }
        }
        if (output.Length == start) output.Append('?');
        return byReference;
    }

    /// <summary>Steps over a comma between types.</summary>
    public void SkipSeparator()
    {
        if (!AtEnd) position++;
    }

    private void WriteParameter(StringBuilder output)
    {
        int ticks = 0;
        while (!AtEnd && text[position] == '`')
        {
            ticks++;
            position++;
        }
        int digits = position;
        while (!AtEnd && char.IsAsciiDigit(text[position])) position++;
        IReadOnlyList<string> names = ticks == 1 ? typeParameters : methodParameters;
        if (TryCount(text.AsSpan(digits, position - digits), out int index))
            output.Append(index < names.Count
                ? names[index] : "T" + (index + 1).ToString(CultureInfo.InvariantCulture));
    }

    private void WriteName(StringBuilder output, int depth)
    {
        int start = position;
        while (!AtEnd
            && text[position] is not (',' or '{' or '}' or '(' or ')' or '[' or ']' or '*' or '@')) position++;
        string name = text[start..position];
        if (AtEnd || text[position] != '{')
        {
            output.Append(Keywords.TryGetValue(name, out string? keyword) ? keyword : Generic(Short(name), []));
            return;
        }
        position++;
        // Deeper than any real type: drop the rest rather than risk the stack.
        if (depth >= MaximumDepth)
        {
            output.Append(Short(name));
            position = text.Length;
            return;
        }
        (string before, string after) = name switch
        {
            "System.Nullable" => ("", "?"),
            "System.ValueTuple" => ("(", ")"),
            _ => (Short(name) + "<", ">"),
        };
        output.Append(before);
        for (bool first = true; !AtEnd && text[position] != '}'; first = false)
        {
            if (!first)
            {
                output.Append(", ");
                position++;
            }
            int at = position;
            Write(output, depth + 1);
            if (position == at) position++;
        }
        position++;
        output.Append(after);
        // A type nested in a generic one: "Dictionary{K,V}.KeyCollection".
        if (!AtEnd && text[position] == '.')
        {
            position++;
            output.Append('.');
            WriteName(output, depth + 1);
        }
    }

    private static bool TryCount(ReadOnlySpan<char> digits, out int count) =>
        int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out count) && count < 64;
}
