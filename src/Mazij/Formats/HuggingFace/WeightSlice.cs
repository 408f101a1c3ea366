using System.Globalization;
using Mazij.Models;

namespace Mazij.Formats.HuggingFace;

/// <summary>A tensor of a Hugging Face file and the part of a Mazij parameter that it is.</summary>
/// <param name="Name">The name in the file.</param>
/// <param name="Shape">The shape in the file.</param>
/// <param name="Parameter">The parameter's name in a <see cref="ParameterLayout"/>, or the expert bias's name.</param>
/// <param name="Offset">First element inside the parameter; the slice is contiguous.</param>
/// <param name="IsBuffer">Whether it is a router's expert bias, which is no trained parameter.</param>
internal sealed record WeightSlice(string Name, long[] Shape, string Parameter, long Offset, bool IsBuffer = false)
{
    /// <summary>Number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>
    /// Every tensor of a model's files, in their order. Files hold each expert on its own and gate and up apart; the model
    /// holds a layer's experts stacked, with the gate rows before the up rows.
    /// </summary>
    public static IEnumerable<WeightSlice> All(ModelConfig config, ParameterLayout layout)
    {
        long dim = config.HiddenSize;
        foreach (ParameterSpec spec in layout.Specs)
        {
            string name = spec.Name;
            if (name.EndsWith(".mlp.experts.gate_up_proj", StringComparison.Ordinal))
            {
                // Both stacked tensors are written expert by expert here, so that a reader streams through one expert at a time.
                string prefix = name[..^"gate_up_proj".Length];
                foreach (WeightSlice slice in Experts(config, prefix))
                    yield return slice;
            }
            else if (name.EndsWith("gate_up_proj", StringComparison.Ordinal))
            {
                string prefix = name[..^"gate_up_proj".Length];
                long width = spec.Shape[0] / 2;
                yield return new(prefix + "gate_proj.weight", [width, dim], name, 0);
                yield return new(prefix + "up_proj.weight", [width, dim], name, width * dim);
            }
            else if (name.EndsWith(".mlp.experts.down_proj", StringComparison.Ordinal))
            {
                continue;
            }
            else if (name.EndsWith("down_proj", StringComparison.Ordinal))
            {
                yield return new(name + ".weight", spec.Shape, name, 0);
            }
            else
            {
                yield return new(name, spec.Shape, name, 0);
                if (config.MoeRouterEnableExpertBias && name.EndsWith(".mlp.gate.weight", StringComparison.Ordinal))
                {
                    string bias = name[..^"weight".Length] + "expert_bias";
                    yield return new(bias, [config.NumExperts], bias, 0, IsBuffer: true);
                }
            }
        }
    }

    private static IEnumerable<WeightSlice> Experts(ModelConfig config, string prefix)
    {
        long dim = config.HiddenSize, width = config.MoeIntermediateSize, matrix = width * dim;
        for (int expert = 0; expert < config.NumExperts; expert++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"{prefix}{expert}.");
            yield return new(name + "gate_proj.weight", [width, dim], prefix + "gate_up_proj", 2 * expert * matrix);
            yield return new(name + "up_proj.weight", [width, dim], prefix + "gate_up_proj", (2 * expert + 1) * matrix);
            yield return new(name + "down_proj.weight", [dim, width], prefix + "down_proj", expert * matrix);
        }
    }
}
