namespace Mazij.Configuration;

/// <summary>
/// The YAML key of a property or the YAML name of an enum's member, where it is not the C# name in snake_case.
/// </summary>
/// <param name="name">The key that is written and shown.</param>
/// <param name="aliases">Other keys that are read as well.</param>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Field)]
internal sealed class KeyAttribute(string name, params string[] aliases) : Attribute
{
    /// <summary>The key that is written and shown.</summary>
    public string Name { get; } = name;

    /// <summary>Other keys that are read as well.</summary>
    public IReadOnlyList<string> Aliases { get; } = aliases;
}
