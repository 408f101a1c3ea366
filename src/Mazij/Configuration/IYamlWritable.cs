namespace Mazij.Configuration;

/// <summary>A section that makes its own YAML.</summary>
internal interface IYamlWritable
{
    /// <summary>What to write.</summary>
    YamlNode ToYaml();
}
