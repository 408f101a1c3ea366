namespace Mazij.Text.Corpora.Dotnet;

/// <summary>
/// A documentation comment id, such as
/// "M:System.String.Join``1(System.String,System.Collections.Generic.IEnumerable{``0})",
/// in its parts. Format: C# specification, annex D.4.
/// </summary>
/// <param name="Kind">T type, M method, P property, F field, E event, N namespace; '!' or anything else: not
/// resolved.</param>
/// <param name="TypeName">Full name of the type, or of the type that declares the member: "System.String".</param>
/// <param name="Name">The member's own name, or "": "Join``1".</param>
/// <param name="Arguments">What stands between the parentheses, or "".</param>
/// <param name="Result">What a conversion operator converts to, or "".</param>
internal readonly record struct MemberId(char Kind, string TypeName, string Name, string Arguments, string Result)
{
    public static MemberId Parse(string id)
    {
        if (id.Length < 2 || id[1] != ':') return new('!', id, "", "", "");
        char kind = id[0];
        string body = id[2..];
        if (kind is 'T' or 'N' or '!') return new(kind, body, "", "", "");
        string arguments = "", result = "";
        int open = body.IndexOf('(', StringComparison.Ordinal);
        int tilde = body.LastIndexOf('~');
        if (tilde > open && tilde > body.LastIndexOf(')'))
        {
            result = body[(tilde + 1)..];
            body = body[..tilde];
        }
        if (open >= 0)
        {
            int close = body.LastIndexOf(')');
            arguments = close > open ? body[(open + 1)..close] : body[(open + 1)..];
            body = body[..open];
        }
        // An explicitly implemented member is written with # for the dots of its interface, so the last dot is ours.
        int dot = body.LastIndexOf('.');
        return dot < 0
            ? new(kind, "", body, arguments, result)
            : new(kind, body[..dot], body[(dot + 1)..], arguments, result);
    }
}
