using System.Text.Json.Nodes;

namespace Mazij.Cli.Benches;

/// <summary>The result of a benchmark, for people and for scripts.</summary>
internal interface IBenchReport
{
    /// <summary>Prints the figures.</summary>
    void Print();

    /// <summary>The figures as JSON. Scripts rely on the names.</summary>
    JsonObject ToJson();
}
