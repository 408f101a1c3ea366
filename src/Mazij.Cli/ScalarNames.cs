using System.Text.Json;

namespace Mazij.Cli;

/// <summary>Values of enumerations as they are written in run files.</summary>
internal static class ScalarNames
{
    /// <summary>The name in snake_case.</summary>
    public static string Of(Enum value) => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
