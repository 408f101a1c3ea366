using System.Globalization;

namespace Mazij.Configuration;

/// <summary>
/// A dotted key, as <c>training.stop.steps</c> or <c>data.corpus[1]</c>. It is a chain, spelled out only for a
/// message, so that the paths of a large document cost no more than the document.
/// </summary>
internal sealed class YamlPath
{
    private readonly YamlPath? parent;
    private readonly string? key;
    private readonly int index;

    private YamlPath(YamlPath? parent, string? key, int index)
    {
        this.parent = parent;
        this.key = key;
        this.index = index;
    }

    /// <summary>The document itself.</summary>
    public static YamlPath Root { get; } = new(null, null, 0);

    /// <summary>A key of the mapping at this path.</summary>
    public YamlPath Key(string name) => new(this, name, 0);

    /// <summary>An item of the list at this path.</summary>
    public YamlPath Item(int position) => new(this, null, position);

    /// <summary>The dotted key; empty for the document itself.</summary>
    public override string ToString()
    {
        Stack<YamlPath> chain = new();
        for (YamlPath step = this; step.parent is not null; step = step.parent)
            chain.Push(step);
        System.Text.StringBuilder text = new();
        foreach (YamlPath step in chain)
        {
            if (step.key is null)
                text.Append(CultureInfo.InvariantCulture, $"[{step.index}]");
            else
                text.Append(text.Length == 0 ? "" : ".").Append(step.key);
        }
        return text.ToString();
    }
}
