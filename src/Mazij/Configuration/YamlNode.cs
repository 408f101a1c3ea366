namespace Mazij.Configuration;

/// <summary>A value of a YAML document that knows where it was written.</summary>
/// <param name="At">Where it starts.</param>
internal abstract record YamlNode(YamlLocation At)
{
    /// <summary>True for an empty value, <c>null</c> or <c>~</c>.</summary>
    public virtual bool IsNull => false;

    /// <summary>What this is, for a message: "the text 'abc'", "a list".</summary>
    public abstract string Description { get; }
}

/// <summary>A single value as it was written.</summary>
/// <param name="At">Where it starts.</param>
/// <param name="Text">The text, without quotes.</param>
/// <param name="IsPlain">False if it was quoted or a block: then it is text whatever it looks like.</param>
internal sealed record YamlScalar(YamlLocation At, string Text, bool IsPlain) : YamlNode(At)
{
    /// <inheritdoc/>
    public override bool IsNull => IsPlain && Text is "" or "~" or "null" or "Null" or "NULL";

    /// <inheritdoc/>
    public override string Description =>
        IsNull ? "nothing"
        : !IsPlain ? $"the text {MessageText.Quote(Text)}"
        : MessageText.Quote(Text);
}

/// <summary>A list.</summary>
/// <param name="At">Where it starts.</param>
/// <param name="Items">The items in order.</param>
internal sealed record YamlList(YamlLocation At, IReadOnlyList<YamlNode> Items) : YamlNode(At)
{
    /// <inheritdoc/>
    public override string Description => "a list";
}

/// <summary>A key and its value.</summary>
/// <param name="Key">The key.</param>
/// <param name="KeyAt">Where the key starts; its path includes the key.</param>
/// <param name="Value">The value.</param>
internal sealed record YamlEntry(string Key, YamlLocation KeyAt, YamlNode Value);

/// <summary>A mapping of distinct keys, in the order of writing.</summary>
/// <param name="At">Where it starts.</param>
/// <param name="Entries">The keys and values.</param>
internal sealed record YamlMap(YamlLocation At, IReadOnlyList<YamlEntry> Entries) : YamlNode(At)
{
    /// <inheritdoc/>
    public override string Description => "a mapping";

    /// <summary>The entry of a key, or null.</summary>
    public YamlEntry? Find(string key)
    {
        foreach (YamlEntry entry in Entries)
        {
            if (entry.Key == key)
                return entry;
        }
        return null;
    }

    /// <summary>This mapping without a key.</summary>
    public YamlMap Without(string key) => this with { Entries = [.. Entries.Where(e => e.Key != key)] };

    /// <summary>This mapping with an entry added, or put in the place of the one of the same key.</summary>
    public YamlMap With(YamlEntry added) => Find(added.Key) is null
        ? this with { Entries = [.. Entries, added] }
        : this with { Entries = [.. Entries.Select(e => e.Key == added.Key ? added : e)] };
}
