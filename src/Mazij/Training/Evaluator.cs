using System.Diagnostics;
using Mazij.Data;
using Mazij.Kernels.Libtorch;
using Mazij.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Training;

/// <summary>The loss on the validation text of the sources: always the same windows, in order, of the length that the run
/// began with, so that the figures of a run compare.</summary>
internal sealed class Evaluator
{
    private readonly MoeTransformer model;
    private readonly (string Name, ValidationReader Reader, double Share)[] sources;
    private readonly TokenBatch<long> batch;

    /// <summary>Prepares evaluation over at most <paramref name="maximumTokens"/> tokens, as many of each source.</summary>
    /// <param name="model">The model.</param>
    /// <param name="data">The sources.</param>
    /// <param name="shares">The share of each source in the loss of all.</param>
    /// <param name="sequenceLength">Tokens predicted in one window.</param>
    /// <param name="batchSize">Windows of one forward pass.</param>
    /// <param name="maximumTokens">Tokens predicted in one evaluation.</param>
    /// <exception cref="InputException">A validation split is shorter than one window.</exception>
    public Evaluator(
        MoeTransformer model, IReadOnlyList<SourceData> data, IReadOnlyList<double> shares, int sequenceLength, int batchSize,
        long maximumTokens)
    {
        this.model = model;
        sources =
        [
            .. data.Zip(shares, (source, share) =>
                (source.Name, new ValidationReader(source.Dataset, sequenceLength, maximumTokens / data.Count), share)),
        ];
        batch = new TokenBatch<long>(batchSize, sequenceLength);
    }

    /// <summary>Evaluates.</summary>
    /// <param name="step">Steps done.</param>
    /// <param name="tokens">Tokens trained on.</param>
    public EvaluationRecord Evaluate(long step, long tokens)
    {
        long start = Stopwatch.GetTimestamp(), evaluated = 0;
        double loss = 0, bytesPerToken = 0;
        List<SourceEvaluation> each = [];
        foreach ((string name, ValidationReader reader, double share) in sources)
        {
            double sum = SumOf(reader);
            double bytes = Math.Max(1, reader.PredictedTextBytes);
            loss += share * (sum / reader.PredictedTokens);
            bytesPerToken += share * (bytes / reader.PredictedTokens);
            evaluated += reader.PredictedTokens;
            each.Add(new SourceEvaluation(name, sum / reader.PredictedTokens, sum / Math.Log(2) / bytes));
        }
        double bits = loss / Math.Log(2) / bytesPerToken;
        return new EvaluationRecord(step, tokens, loss, bits, evaluated, Stopwatch.GetElapsedTime(start).TotalSeconds)
        {
            Sources = each.Count > 1 ? each : [],
        };
    }

    private double SumOf(ValidationReader reader)
    {
        double sum = 0;
        reader.Reset();
        while (reader.Read(batch))
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor ids = empty([batch.Rows, batch.SequenceLength + 1], ScalarType.Int64, CPU);
            batch.Ids.CopyTo(TensorMemory.Span<long>(ids));
            sum += model.TokenLosses(ids.to(model.Device)).sum(ScalarType.Float64).item<double>();
        }
        return sum;
    }
}
