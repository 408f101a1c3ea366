namespace Mazij.Configuration;

/// <summary>A section that reads and writes its own YAML because its keys are known only later.</summary>
/// <typeparam name="TSelf">The section's type.</typeparam>
internal interface IYamlSection<TSelf> : IYamlWritable
    where TSelf : IYamlSection<TSelf>
{
    /// <summary>Reads the section.</summary>
    /// <exception cref="InputException">The section is malformed.</exception>
    static abstract TSelf FromYaml(YamlNode node);
}
