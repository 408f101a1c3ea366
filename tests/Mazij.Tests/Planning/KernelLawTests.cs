using CsCheck;
using Mazij.Kernels;
using Mazij.Planning;

namespace Mazij.Tests.Planning;

/// <summary>What is learnt of a kernel from measured calls.</summary>
public sealed class KernelLawTests
{
    private static KernelCall Product(double groups, double rows, double columns, double depth) =>
        new(KernelName.Experts, false, 6 * groups * rows * columns * depth, 0, groups, rows, columns, depth);

    private static readonly Gen<KernelCall> products = Gen.Select(
        Gen.Double[1, 64], Gen.Double[8, 2048], Gen.Double[32, 2048], Gen.Double[32, 2048], Product);

    /// <summary>A machine of 300 GFLOP/s that packs weights at 2 Gnumbers/s, and takes 20 us for a call.</summary>
    private static double Machine(KernelCall call) =>
        call.Flops / 300e9 + 3 * call.Groups * call.Columns * call.Depth / 2e9 + 3 * call.Groups * call.Rows * call.Depth / 5e9 + 20e-6;

    private static KernelLaw Learn(IEnumerable<KernelCall> calls, Func<KernelCall, double> seconds) => new(
        [.. calls.Select(call => ((IReadOnlyList<(KernelCall, double)>)[(call, 1.0)], seconds(call)))]);

    private static KernelCall[] Shapes() =>
    [
        .. from rows in new[] { 16.0, 128, 1024 } from columns in new[] { 64.0, 256, 1024 } from depth in new[] { 128.0, 768 }
           select Product(8, rows, columns, depth),
    ];

    [Fact]
    public void A_machine_that_follows_the_law_is_known_at_every_shape()
    {
        KernelLaw law = Learn(Shapes(), Machine);
        products.Sample(call => Assert.InRange(law.Seconds(call) / Machine(call), 0.97, 1.03), seed: "0N0XIzNsQ0O2", iter: 300);
    }

    [Fact]
    public void A_measured_shape_takes_what_was_measured()
    {
        // A machine that stumbles at some sizes, as the law does not know of.
        double Stumbling(KernelCall call) => Machine(call) * (call.Columns == 256 ? 1.4 : 1);
        KernelLaw law = Learn(Shapes(), Stumbling);
        foreach (KernelCall call in Shapes())
            Assert.InRange(law.Seconds(call) / Stumbling(call), 0.95, 1.05);
    }

    [Fact]
    public void Twice_the_times_are_twice_the_prediction() => products.Array[2, 12].Select(products).Sample((known, asked) =>
    {
        double once = Learn(known, Machine).Seconds(asked), twice = Learn(known, call => 2 * Machine(call)).Seconds(asked);
        Assert.Equal(2 * once, twice, 1e-6 * twice);
    }, iter: 100);

    [Fact]
    public void More_work_never_takes_less_by_the_law_alone() => products.Array[1, 8].Select(products).Sample((known, asked) =>
    {
        double[] coefficients = NonNegativeFit.Solve([.. known.Select(call => new[] { call.Flops, call.Columns * call.Depth, 1 })], [.. known.Select(Machine)]);
        Assert.All(coefficients, coefficient => Assert.True(coefficient >= 0));
        Assert.Contains(coefficients, coefficient => coefficient > 0);
        Assert.True(asked.Flops > 0);
    }, iter: 100);

    [Fact]
    public void Coefficients_are_found_again()
    {
        double[] truth = [3, 0, 0.5];
        double[][] rows = [[1, 2, 3], [4, 1, 0], [2, 2, 9], [7, 0, 1], [1, 8, 4]];
        double[] found = NonNegativeFit.Solve(rows, [.. rows.Select(row => row.Zip(truth, (x, c) => x * c).Sum())]);
        for (int i = 0; i < truth.Length; i++)
            Assert.Equal(truth[i], found[i], 1e-4);
    }

    [Fact]
    public void What_moves_bytes_goes_by_its_bytes()
    {
        static KernelCall Norm(double bytes) => new(KernelName.Norm, false, 0, bytes);
        KernelLaw law = Learn([Norm(1e5), Norm(1e6), Norm(1e7), Norm(1e8)], call => call.Bytes / 10e9 + 5e-6);
        Assert.InRange(law.Seconds(Norm(3e7)) / (3e7 / 10e9 + 5e-6), 0.98, 1.02);
    }
}
