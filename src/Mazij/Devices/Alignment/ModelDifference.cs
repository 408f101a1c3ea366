using System.Globalization;
using Mazij.Models;

namespace Mazij.Devices.Alignment;

/// <summary>
/// Compares what whole models give, whose layers each execution feeds by itself. A token that met a true tie and was sent another
/// way is left out from there on, and with it the tokens behind it, which see it through attention; what sums over all tokens is
/// allowed as much as such tokens explain.
/// </summary>
internal sealed class ModelDifference
{
    private const string HiddenRole = "hidden", LogitsRole = "logits", ChoicesRole = "choices";
    private readonly Roundoffs unit;
    private readonly DepthRounding depth;
    private readonly int layers, positions, tokens;
    private readonly bool[][] beforeLayer, beforeRouter; // [layer][token]: what is left out; last: behind all layers
    private readonly List<ChoiceDifference> choices = [];
    private readonly double lossShare = 1, parameters;
    private readonly StrayTokens stray;
    private double logitSize;

    /// <summary>Finds the tokens that went other ways in two forward passes.</summary>
    /// <param name="a">The first execution's model.</param>
    /// <param name="b">The second's.</param>
    /// <param name="unit">Unit roundoffs.</param>
    public ModelDifference(TracedComponent a, TracedComponent b, Roundoffs unit)
    {
        this.unit = unit;
        ModelConfig model = a.Call.Shape;
        TraceTensor ids = a.Inputs.Of("ids");
        layers = model.NumHiddenLayers;
        positions = ids.Width - 1;
        tokens = ids.Count / ids.Width * positions;
        depth = new DepthRounding(model, tokens, positions, unit);
        stray = new StrayTokens(tokens, positions);
        beforeLayer = [.. Enumerable.Range(0, layers + 1).Select(_ => new bool[tokens])];
        beforeRouter = [.. beforeLayer];
        parameters = new ParameterLayout(model).TotalCount;
        if (a.Call.Gradient || a.Call.Kind != ComponentKind.Model)
            return;
        FollowChoices(a, b, model);
        // A logit that is off by a share of itself moves the loss by so much, not by that share of the loss.
        if (a.Outputs.TryGetValue("final", out TraceTensor? final) && a.Outputs.TryGetValue("losses", out TraceTensor? losses)
            && a.Inputs.TryGetValue(model.TieWordEmbeddings ? ParameterLayout.EmbeddingName : ParameterLayout.HeadName, out TraceTensor? head))
        {
            lossShare = Math.Min(1, Rounding.LogitSize(final, head, model.NormHead) / Math.Max(losses.Size, double.Epsilon));
        }
    }

    /// <summary>Compares a pass of the whole model, or a whole step.</summary>
    public ComponentDifference Of(TracedComponent one, TracedComponent other)
    {
        List<OutputDifference> outputs = [];
        foreach ((string role, TraceTensor tensor) in one.Outputs)
        {
            if (!tensor.IsInteger && other.Outputs.TryGetValue(role, out TraceTensor? second))
                outputs.Add(Compare(one, role, tensor, second));
        }
        bool isForward = one.Call.Kind == ComponentKind.Model && !one.Call.Gradient;
        ChoiceDifference? all = !isForward || choices.Count == 0 ? null : new ChoiceDifference(
            choices.Sum(layer => layer.Choices), choices.Sum(layer => layer.Different),
            choices.Sum(layer => layer.Ties), choices.Sum(layer => layer.WrongOrder));
        return new ComponentDifference(one.Stage, one.Name, one.Call.Kind, one.Call.Gradient, InputAgreement.Own, outputs, all);
    }

    private OutputDifference Compare(TracedComponent one, string role, TraceTensor a, TraceTensor b)
    {
        int layer = LayerOf(role);
        // Of a mean over all tokens, those that went another way move it by their share of the tokens, at random.
        double ofMean = Math.Sqrt(stray.Share / Math.Max(1, tokens));
        if (one.Call.Kind == ComponentKind.Model && !one.Call.Gradient)
        {
            double deviation = role.StartsWith(HiddenRole, StringComparison.Ordinal) ? depth.Hidden(layer)
                : role.StartsWith(LogitsRole, StringComparison.Ordinal) ? depth.Logits(layer)
                : role == "losses" ? depth.Output * lossShare : depth.Output;
            bool[][] masks = role.StartsWith(LogitsRole, StringComparison.Ordinal) ? beforeRouter : beforeLayer;
            bool[] without = masks[layer >= 0 ? layer : layers];
            return OutputDifference.Of(role, a, b, byRow: true, without, deviation, unit.Narrow);
        }
        // A token that goes to another expert takes its term out of one sum and puts another into a second.
        double flips = Math.Sqrt(2 * stray.FlippedShare), gradient = depth.Gradient;
        switch (role)
        {
            case "loss":
                return OutputDifference.OfNorm(role, a, b, depth.Output * lossShare, unit.Narrow, ofMean);
            case "balance":
                return OutputDifference.OfNorm(role, a, b, depth.Output * Math.Min(1, logitSize), unit.Narrow, stray.FlippedShare);
            case "gradient_norm":
                // What is added at random to a long vector stands upright on it, and lengthens it by half its square.
                return OutputDifference.OfNorm(
                    role, a, b, new Rounding(0, parameters).Deviation(unit), unit.Narrow, 0.5 * Math.Pow(gradient + flips, 2));
            default:
                return OutputDifference.OfNorm(role, a, b, gradient, unit.Narrow, flips);
        }
    }

    private void FollowChoices(TracedComponent a, TracedComponent b, ModelConfig model)
    {
        for (int layer = 0; layer < layers; layer++)
        {
            beforeLayer[layer] = [.. stray.Mask];
            stray.PassAttention();
            beforeRouter[layer] = [.. stray.Mask];
            string role = ModelComponents.Numbered(ChoicesRole, layer);
            if (a.Outputs.TryGetValue(role, out TraceTensor? first) && b.Outputs.TryGetValue(role, out TraceTensor? second)
                && a.Outputs.TryGetValue(ModelComponents.Numbered(LogitsRole, layer), out TraceTensor? logits))
            {
                double tolerance = depth.Logits(layer) * Rounding.Extreme(logits.Count) * logits.Size;
                ChoiceDifference difference = ChoiceDifference.Of(
                    first, second, logits, a.Inputs.GetValueOrDefault(ModelComponents.BiasRole(layer)), model, sameLogits: false, tolerance, stray.Mask);
                choices.Add(difference);
                stray.Note(first, second);
                logitSize = Math.Max(logitSize, logits.Size);
            }
        }
        beforeLayer[layers] = stray.Mask;
    }

    private int LayerOf(string role)
    {
        int dot = role.LastIndexOf('.');
        return dot > 0 && role[..dot] is HiddenRole or LogitsRole or ChoicesRole
            && int.TryParse(role.AsSpan(dot + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int layer) ? Math.Min(layer, layers) : -1;
    }
}
