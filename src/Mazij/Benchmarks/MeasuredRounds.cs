using static TorchSharp.torch;

namespace Mazij.Benchmarks;

/// <summary>Rounds of our training: each measures the machine's GEMM rates and then one step.</summary>
/// <param name="training">The training.</param>
/// <param name="batch">What it trains on.</param>
/// <param name="type">Its compute dtype.</param>
/// <param name="flopsPerToken">Model FLOPs of forward and backward for one token.</param>
internal sealed class MeasuredRounds(ModelTraining training, RandomBatch batch, ScalarType type, double flopsPerToken)
{
    private const int WarmUpSteps = 2;
    private readonly List<StepTiming> steps = [];
    private readonly List<double> gemmBf16 = [], gemmFp32 = [];

    /// <summary>The steps so far.</summary>
    public IReadOnlyList<StepTiming> Steps => steps;

    /// <summary>FLOP/s of libtorch's GEMM in bf16.</summary>
    public Spread GemmBf16 => Spread.Of(gemmBf16);

    /// <summary>FLOP/s of libtorch's GEMM in fp32.</summary>
    public Spread GemmFp32 => Spread.Of(gemmFp32);

    /// <summary>Tokens per second.</summary>
    public Spread TokensPerSecond => Spread.Of(steps.Select(step => batch.Tokens / step.Seconds));

    /// <summary>Model FLOP/s over the GEMM rate of the dtype in the same round.</summary>
    public Spread GemmShare => Spread.Of(steps.Zip(
        type == ScalarType.BFloat16 ? gemmBf16 : gemmFp32,
        (step, gemm) => flopsPerToken * batch.Tokens / step.Seconds / gemm));

    /// <summary>Steps that are not measured: code is compiled, memory is taken.</summary>
    public void WarmUp(CancellationToken cancellation)
    {
        for (int i = 0; i < WarmUpSteps; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            training.Step(batch);
        }
    }

    /// <summary>One round.</summary>
    /// <returns>Seconds of the step.</returns>
    public double Run(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        gemmBf16.Add(GemmMeter.Measure(ScalarType.BFloat16));
        gemmFp32.Add(GemmMeter.Measure(ScalarType.Float32));
        StepTiming step = training.Step(batch);
        steps.Add(step);
        return step.Seconds;
    }
}
