using System.Diagnostics;
using Mazij.Data;
using Mazij.Kernels.Libtorch;
using Mazij.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Training;

/// <summary>The loss on the validation text: always the same windows, in order.</summary>
internal sealed class Evaluator
{
    private readonly MoeTransformer model;
    private readonly ValidationReader reader;
    private readonly TokenBatch<long> batch;

    /// <summary>Prepares evaluation over at most <paramref name="maximumTokens"/> tokens.</summary>
    /// <exception cref="InputException">The validation split is shorter than one window.</exception>
    public Evaluator(MoeTransformer model, TokenDataset dataset, int sequenceLength, int batchSize, long maximumTokens)
    {
        this.model = model;
        reader = new ValidationReader(dataset, sequenceLength, maximumTokens);
        batch = new TokenBatch<long>(batchSize, sequenceLength);
    }

    /// <summary>Evaluates.</summary>
    /// <returns>Mean loss in nats a token, bits per byte of text, tokens predicted, seconds taken.</returns>
    public (double Loss, double BitsPerByte, long Tokens, double Seconds) Evaluate()
    {
        long start = Stopwatch.GetTimestamp();
        double sum = 0;
        reader.Reset();
        while (reader.Read(batch))
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor ids = empty([batch.Rows, batch.SequenceLength + 1], ScalarType.Int64, CPU);
            batch.Ids.CopyTo(TensorMemory.Span<long>(ids));
            sum += model.TokenLosses(ids.to(model.Device)).sum(ScalarType.Float64).item<double>();
        }
        double bits = sum / Math.Log(2) / Math.Max(1, reader.PredictedTextBytes);
        return (sum / reader.PredictedTokens, bits, reader.PredictedTokens, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }
}
