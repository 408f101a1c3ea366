namespace Mazij.Text.Corpora.Dotnet;

/// <summary>What is documented about one type or member, as plain text.</summary>
internal sealed class MemberDocumentation(MemberId id)
{
    public MemberId Id => id;

    public string Summary { get; set; } = "";

    public string Returns { get; set; } = "";

    public string Value { get; set; } = "";

    public string Remarks { get; set; } = "";

    public string Example { get; set; } = "";

    /// <summary>Type parameters in order; their text may be empty.</summary>
    public List<(string Name, string Text)> TypeParameters { get; } = [];

    /// <summary>Parameters in order; their text may be empty.</summary>
    public List<(string Name, string Text)> Parameters { get; } = [];

    /// <summary>Exceptions by short name, with when they are thrown.</summary>
    public List<(string Name, string Text)> Exceptions { get; } = [];

    /// <summary>Whether anything is said in words: a bare signature teaches nothing.</summary>
    public bool IsEmpty =>
        Summary.Length + Returns.Length + Value.Length + Remarks.Length + Example.Length == 0
        && TypeParameters.TrueForAll(entry => entry.Text.Length == 0)
        && Parameters.TrueForAll(entry => entry.Text.Length == 0)
        && Exceptions.TrueForAll(entry => entry.Text.Length == 0);
}
