namespace Mazij.Planning;

/// <summary>
/// The batch size that a budget of compute asks for, where none is given: 0.2920 C^0.3271 tokens for C model FLOPs, as fitted by
/// DeepSeek LLM (arXiv 2401.02954, section 3.1). The Ling report finds a law of the same form, and that it hardly depends on the
/// experts (arXiv 2503.05139, section 3.3), but prints no constants.
/// </summary>
internal static class BatchLaw
{
    private const double Factor = 0.2920, Exponent = 0.3271;

    // Layouts need a batch that many numbers divide.
    private const int Granule = 256;

    /// <summary>Sequences of a step.</summary>
    /// <param name="flops">Model FLOPs of the run.</param>
    /// <param name="sequenceLength">Tokens of a sequence.</param>
    public static int Sequences(double flops, int sequenceLength)
    {
        double sequences = Factor * Math.Pow(flops, Exponent) / sequenceLength;
        return sequences < Granule
            ? 1 << (int)Math.Max(0, Math.Round(Math.Log2(Math.Max(1, sequences))))
            : (int)Math.Min(Math.Round(sequences / Granule), 1 << 16) * Granule;
    }
}
