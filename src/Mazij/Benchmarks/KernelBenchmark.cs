using Mazij.Configuration;
using Mazij.Kernels;
using Mazij.Models;
using Mazij.Planning;
using static TorchSharp.torch;

namespace Mazij.Benchmarks;

/// <summary>
/// Each kernel of our training step against its roofline: the time that its products take at the machine's GEMM rate, or that
/// its bytes take at the machine's bandwidth, whichever is longer. The kernels are timed where they work, inside whole
/// steps, with the caches as the kernels before leave them.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="config">The training, of one micro-batch a step.</param>
/// <param name="type">The compute dtype.</param>
/// <param name="rounds">Steps to take the median of.</param>
/// <param name="cancellation">Ends the benchmark before the next step.</param>
internal sealed class KernelBenchmark(
    ModelConfig model, TrainingConfig config, ScalarType type, int rounds, CancellationToken cancellation)
{
    /// <summary>Runs the steps.</summary>
    public KernelBenchmarkResult Run()
    {
        using ModelTraining training = new(model, config, type);
        RandomBatch batch = new(model.VocabSize, config.MicroBatchSize, config.SequenceLength, config.Seed);
        MeasuredRounds measured = new(training, batch, type, ModelCost.TrainingFlopsPerToken(model, config.SequenceLength));
        measured.WarmUp(cancellation);
        List<double> bandwidths = [];
        for (int round = 0; round < rounds; round++)
        {
            bandwidths.Add(BandwidthMeter.Measure());
            measured.Run(cancellation);
        }
        Spread bandwidth = Spread.Of(bandwidths);
        double wideRate = measured.GemmFp32.Median, rate = type == ScalarType.BFloat16 ? measured.GemmBf16.Median : wideRate;
        TrainingWork work = new(model, type == ScalarType.BFloat16 ? 2 : 4);
        IEnumerable<IGrouping<(KernelName, bool), KernelWork>> kernels = work
            .MicroBatch(config.MicroBatchSize, config.SequenceLength, config.ActivationCheckpointing).Concat(work.Update())
            .GroupBy(part => (part.Kernel, part.Backward)).OrderBy(kernel => kernel.Key);
        List<KernelFigure> figures = [];
        foreach (IGrouping<(KernelName Kernel, bool Backward), KernelWork> kernel in kernels)
        {
            Spread seconds = Spread.Of(measured.Steps.Select(step => step.Kernels[kernel.Key.Kernel, kernel.Key.Backward]));
            if (seconds.Median == 0)
                continue;
            double flops = kernel.Sum(part => part.Flops), bytes = kernel.Sum(part => part.Bytes);
            double products = flops / (kernel.First().InFloat32 ? wideRate : rate), memory = bytes / bandwidth.Median;
            figures.Add(new KernelFigure(
                kernel.Key.Kernel, kernel.Key.Backward, flops, bytes, seconds, Math.Max(products, memory), products >= memory));
        }
        return new KernelBenchmarkResult(
            measured.GemmBf16, measured.GemmFp32, bandwidth, Spread.Of(measured.Steps.Select(step => step.Seconds)), figures);
    }
}

/// <summary>What a kernel benchmark found.</summary>
/// <param name="GemmBf16">FLOP/s of libtorch's GEMM in bf16.</param>
/// <param name="GemmFp32">FLOP/s of libtorch's GEMM in fp32.</param>
/// <param name="Bandwidth">Bytes a second.</param>
/// <param name="StepSeconds">Seconds of a whole step.</param>
/// <param name="Kernels">The kernels.</param>
internal sealed record KernelBenchmarkResult(
    Spread GemmBf16, Spread GemmFp32, Spread Bandwidth, Spread StepSeconds, IReadOnlyList<KernelFigure> Kernels);

/// <summary>A kernel's time in one step and its bound.</summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="Backward">Its backward pass.</param>
/// <param name="Flops">What it has to multiply and add.</param>
/// <param name="Bytes">What it has to move.</param>
/// <param name="Seconds">What it takes.</param>
/// <param name="BoundSeconds">What the machine allows.</param>
/// <param name="LimitedByProducts">Whether products set the bound, or else memory.</param>
internal sealed record KernelFigure(
    KernelName Kernel, bool Backward, double Flops, double Bytes, Spread Seconds, double BoundSeconds, bool LimitedByProducts)
{
    /// <summary>The bound over the time: 1 is as fast as can be.</summary>
    public double Share => BoundSeconds / Seconds.Median;
}
