using CsCheck;
using Mazij.Devices.Alignment;
using Mazij.Formats.Safetensors;
using Mazij.Models;

namespace Mazij.Tests.Devices.Alignment;

public sealed class ChoiceTests
{
    private static readonly ModelConfig softmax = Workbench.Smallest with { NumExperts = 4, NumExpertsPerTok = 2 };

    [Fact]
    public void The_plain_rule_chooses_as_the_kernels_do()
    {
        ModelConfig grouped = softmax with
        {
            NumExperts = 12,
            NumExpertsPerTok = 3,
            ScoreFunction = ScoreFunction.Sigmoid,
            MoeRouterEnableExpertBias = true,
            NGroup = 4,
            TopkGroup = 2,
        };
        MazijImplementation kernels = new(Execution.Parse("cpu,fp32,simd"));
        Gen.Int[0, 1 << 20].Sample(seed =>
        {
            NumberSource numbers = new(seed, ElementType.F32);
            foreach (ModelConfig shape in (ModelConfig[])[softmax, grouped])
            {
                // Whole numbers: many are equal.
                TensorMap inputs = new() { ["logits"] = seed % 2 == 0 ? numbers.Ties(9, shape.NumExperts) : numbers.Weights(1, 9, shape.NumExperts) };
                if (shape.MoeRouterEnableExpertBias)
                    inputs.Add("bias", numbers.Weights(0.1, shape.NumExperts));
                TraceTensor chosen = kernels.Run(new ComponentCall(ComponentKind.Router, false, shape, 1), inputs).Of("choices");
                Assert.True(chosen.HasSameNumbers(ChoiceRule.Choose(inputs.Of("logits"), inputs.GetValueOrDefault("bias"), shape)));
            }
        }, iter: 60, threads: 1);
    }

    [Fact]
    public void Near_logits_are_a_tie_far_ones_are_not_and_equal_ones_have_an_order()
    {
        TraceTensor logits = new(ElementType.F32, [3, 4], [2, 1.001f, 1, 0, 2, 1.5f, 1, 0, 2, 1, 1, 0]);
        TraceTensor a = ChoiceRule.Choose(logits, null, softmax);
        Assert.Equal([0, 1, 0, 1, 0, 1], a.Integers.ToArray());
        TraceTensor b = new([3, 2], [0, 2, 0, 2, 0, 2]);
        bool[] differ = new bool[3];
        ChoiceDifference rounded = ChoiceDifference.Of(a, b, logits, null, softmax, sameLogits: false, tolerance: 0.01, differ);
        Assert.Equal(new ChoiceDifference(6, 3, Ties: 2, WrongOrder: 0), rounded);
        Assert.True(rounded.Diverges);
        Assert.All(differ, Assert.True);
        ChoiceDifference exact = ChoiceDifference.Of(a, b, logits, null, softmax, sameLogits: true, tolerance: 0.01, null);
        Assert.Equal(new ChoiceDifference(6, 3, Ties: 1, WrongOrder: 1), exact);
    }

    [Fact]
    public void The_order_of_a_tokens_experts_alone_does_not_count()
    {
        TraceTensor logits = new(ElementType.F32, [1, 4], [2, 1, 0, -1]);
        ChoiceDifference difference = ChoiceDifference.Of(
            new TraceTensor([1, 2], [0, 1]), new TraceTensor([1, 2], [1, 0]), logits, null, softmax, sameLogits: true, tolerance: 1e-6, null);
        Assert.Equal(new ChoiceDifference(2, 0, 0, 0), difference);
    }
}
