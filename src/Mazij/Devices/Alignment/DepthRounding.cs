using Mazij.Models;

namespace Mazij.Devices.Alignment;

/// <summary>
/// What rounding leaves of agreement where each layer is fed by the one before in either execution: the errors of all modules on
/// the way, independent of one another, so that their squares add up. Modules are taken to hand on a relative error as large as
/// it was.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="tokens">Tokens of the batch.</param>
/// <param name="positions">Tokens of a sequence.</param>
/// <param name="unit">Unit roundoffs.</param>
internal sealed class DepthRounding(ModelConfig model, double tokens, double positions, Roundoffs unit)
{
    // Scores of the size 1: what a norm of q and k gives, and fresh weights stay below.
    private const double Scores = 2;

    /// <summary>Of the residual stream before a layer; with the number of layers, behind the last.</summary>
    public double Hidden(int layer)
    {
        double sum = Square(new Rounding(1, 0));
        for (int i = 0; i < layer; i++)
            sum += Layer(i);
        return Math.Sqrt(sum);
    }

    /// <summary>Of a router's logits.</summary>
    public double Logits(int layer) => Math.Sqrt(Math.Pow(Hidden(layer), 2) + Layer(layer));

    /// <summary>Of what the head gives.</summary>
    public double Output => Math.Sqrt(
        Math.Pow(Hidden(model.NumHiddenLayers), 2) + Square(new Rounding(3, model.HiddenSize))
        + Square(new Rounding(4, model.HiddenSize + model.VocabSize)));

    /// <summary>Of any gradient: the way there, and the way back, which computes with both passes' numbers.</summary>
    public double Gradient => Math.Sqrt(3) * Math.Sqrt(Math.Pow(Output, 2) + Square(new Rounding(0, tokens)));

    private double Layer(int layer)
    {
        double context = (double)model.NumAttentionHeads * model.ResolvedHeadDim;
        double mlp = model.IsMoeLayer(layer)
            ? Square(new Rounding(10, model.HiddenSize + model.MoeIntermediateSize + model.NumExpertsPerTok))
            : Square(new Rounding(6, model.HiddenSize + model.IntermediateSize));
        return 2 * Square(new Rounding(3, model.HiddenSize)) + Square(new Rounding(2, model.HiddenSize))
            + Square(new Rounding(model.UseQkNorm ? 10 : 7, model.ResolvedHeadDim + positions, Scores)) + Square(new Rounding(2, context)) + mlp
            // Two additions to the residual stream.
            + Square(new Rounding(2, 0));
    }

    private double Square(Rounding rounding) => Math.Pow(rounding.Deviation(unit), 2);
}
