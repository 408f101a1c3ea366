using System.Globalization;
using System.Text.Json.Nodes;
using Mazij.Formats.Safetensors;

namespace Mazij.Cli.Inspection;

/// <summary>Shows tensors: name, dtype, shape.</summary>
internal static class TensorTable
{
    /// <summary>Every tensor as JSON, in the order given.</summary>
    public static JsonArray ToJson(IEnumerable<TensorSpec> tensors) => new([.. tensors.Select(tensor => new JsonObject
    {
        ["name"] = tensor.Name,
        ["dtype"] = tensor.Type.ToString(),
        ["shape"] = JsonOutput.Array(tensor.Shape),
    })]);

    /// <summary>Prints every tensor.</summary>
    public static void Print(IEnumerable<TensorSpec> tensors)
    {
        TableView table = new("tensor", "dtype", ">shape");
        foreach (TensorSpec tensor in tensors)
            table.Add(tensor.Name, tensor.Type.ToString(), Shape(tensor));
        table.Print();
    }

    /// <summary>Prints one line for all tensors that differ only by the numbers in their names.</summary>
    public static void PrintSummary(IEnumerable<TensorSpec> tensors)
    {
        TableView table = new("tensors", "dtype", ">shape", ">count");
        foreach (IGrouping<(string, ElementType, string), TensorSpec> group in tensors.GroupBy(tensor => (Pattern(tensor.Name), tensor.Type, Shape(tensor))))
        {
            (string pattern, ElementType type, string shape) = group.Key;
            table.Add(pattern, type.ToString(), shape, group.Count().ToString(CultureInfo.InvariantCulture));
        }
        table.Print();
    }

    /// <summary>"12 tensors, 3.4 M numbers, 6.8 MiB".</summary>
    public static string Totals(IReadOnlyCollection<TensorSpec> tensors) =>
        $"{tensors.Count} {(tensors.Count == 1 ? "tensor" : "tensors")}, {Quantity.Count(tensors.Sum(tensor => (double)tensor.ElementCount))} numbers, {Quantity.Bytes(tensors.Sum(tensor => (double)tensor.ByteLength))}";

    private static string Shape(TensorSpec tensor) => $"[{string.Join(", ", tensor.Shape)}]";

    private static string Pattern(string name) =>
        string.Join('.', name.Split('.').Select(part => part.Length > 0 && part.All(char.IsAsciiDigit) ? "N" : part));
}
