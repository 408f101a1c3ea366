namespace Mazij.Kernels;

/// <summary>How the experts of a token, and their weights, follow from its logits.</summary>
internal sealed record RoutingRule
{
    /// <summary>Experts to choose from.</summary>
    public required int Experts { get; init; }

    /// <summary>Experts chosen for each token.</summary>
    public required int PerToken { get; init; }

    /// <summary>Whether scores are independent sigmoids instead of a softmax over all experts.</summary>
    public bool Sigmoid { get; init; }

    /// <summary>Groups of neighbouring experts, of equal size; with more than one, each has at least two experts.</summary>
    public int Groups { get; init; } = 1;

    /// <summary>Groups that a token's experts may come from: those whose two best experts have the largest sum.</summary>
    public int KeptGroups { get; init; } = 1;

    /// <summary>Whether the chosen scores are divided by their sum.</summary>
    public bool Normalise { get; init; }

    /// <summary>Factor on the weights.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>Whether weights really are divided by a sum: one score alone never is.</summary>
    public bool Divides => Normalise && PerToken > 1;

    /// <summary>What is added to the sum that weights are divided by: sigmoids can all be 0.</summary>
    public double Floor => Sigmoid ? 1e-20 : 0;
}

/// <summary>d(objective)/d(loss) of the router's auxiliary losses: their coefficient times the loss scale; 0 for none.</summary>
/// <param name="Balance">Of E x sum_e f_e P_e.</param>
/// <param name="Z">Of mean(logsumexp(logits)^2).</param>
internal readonly record struct AuxiliaryFactors(double Balance, double Z);
