using Mazij.Formats.Safetensors;
using Mazij.Kernels.Libtorch;
using Mazij.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Generation;

/// <summary>How well a model predicts tokens.</summary>
/// <param name="Loss">Mean of -ln p(token | those before it in its window), nats a token.</param>
/// <param name="Tokens">Tokens predicted.</param>
/// <param name="BitsPerByte">Bits for each byte of text that these tokens stand for; null if the bytes are not known.</param>
internal sealed record Score(double Loss, long Tokens, double? BitsPerByte)
{
    /// <summary>e^loss.</summary>
    public double Perplexity => Math.Exp(Loss);
}

/// <summary>Measures the cross-entropy of given ids, and writes logits.</summary>
internal sealed class Scorer(MoeTransformer model)
{
    /// <summary>Tokens that pass the model at once, where windows are short.</summary>
    private const int TokensAtOnce = 2048;

    /// <summary>
    /// Scores one long stream of ids in windows. A window reads <paramref name="window"/> ids and predicts the one behind
    /// each of them, so windows do not overlap: every id is read once, and every id but the first is predicted once.
    /// </summary>
    /// <param name="ids">At least two ids below the model's vocab_size.</param>
    /// <param name="window">Ids read in one window, at most the model's max_position_embeddings.</param>
    /// <param name="textBytes">How many bytes of text an id stands for; null gives no bits per byte.</param>
    /// <param name="cancellation">Ends between two windows.</param>
    /// <exception cref="InputException">Too few ids, or the model's losses are not numbers.</exception>
    public Score ScoreStream(ReadOnlySpan<int> ids, int window, Func<int, int>? textBytes, CancellationToken cancellation = default)
    {
        CheckLength(window);
        if (ids.Length < 2)
            throw new InputException($"there are {ids.Length} tokens to score; at least 2 are needed, the first of which is only read");
        double sum = 0;
        long predicted = ids.Length - 1, position = 0;
        int rowsAtOnce = Math.Max(1, TokensAtOnce / window);
        while (position < predicted)
        {
            cancellation.ThrowIfCancellationRequested();
            int length = (int)Math.Min(window, predicted - position);
            int rows = (int)Math.Min(rowsAtOnce, (predicted - position) / length);
            using Tensor batch = empty([rows, length + 1], ScalarType.Int64, CPU);
            Span<long> wide = TensorMemory.Span<long>(batch);
            for (int row = 0; row < rows; row++)
                Widen(ids.Slice((int)position + row * length, length + 1), wide.Slice(row * (length + 1), length + 1));
            sum += SumOfLosses(batch);
            position += (long)rows * length;
        }
        double? bits = null;
        if (textBytes is not null)
        {
            long bytes = 0;
            foreach (int id in ids[1..])
                bytes += textBytes(id);
            bits = bytes > 0 ? sum / Math.Log(2) / bytes : null;
        }
        return Checked(sum, predicted, bits);
    }

    /// <summary>Scores sequences of equal length, each on its own.</summary>
    /// <param name="sequences">[sequence][position] ids below vocab_size, at least two in each.</param>
    /// <param name="cancellation">Ends between two batches.</param>
    /// <exception cref="InputException">The sequences are too short or too long for the model, or its losses are not numbers.</exception>
    public Score ScoreSequences(IReadOnlyList<int[]> sequences, CancellationToken cancellation = default)
    {
        int length = LengthOf(sequences), rowsAtOnce = Math.Max(1, TokensAtOnce / length);
        double sum = 0;
        for (int first = 0; first < sequences.Count; first += rowsAtOnce)
        {
            cancellation.ThrowIfCancellationRequested();
            using Tensor batch = Upload(sequences, first, Math.Min(rowsAtOnce, sequences.Count - first));
            sum += SumOfLosses(batch);
        }
        return Checked(sum, (long)sequences.Count * (length - 1), null);
    }

    /// <summary>
    /// As <see cref="ScoreSequences"/>, and writes the F32 tensor <c>logits</c> [sequence, position, vocab] of every position.
    /// The file appears when it is whole; the logits of one sequence are in memory at a time.
    /// </summary>
    /// <param name="sequences">[sequence][position] ids below vocab_size, at least two in each.</param>
    /// <param name="path">The safetensors file; replaced if it exists.</param>
    /// <param name="cancellation">Ends between two sequences; no file is left.</param>
    /// <exception cref="InputException">As above, or the file cannot be written.</exception>
    public Score WriteLogits(IReadOnlyList<int[]> sequences, string path, CancellationToken cancellation = default)
    {
        int length = LengthOf(sequences);
        TensorSpec spec = new("logits", ElementType.F32, [sequences.Count, length, model.Config.VocabSize]);
        using LogitsSource source = new(model, sequences, cancellation);
        try
        {
            SafetensorsWriter.Write(path, [spec], (_, offset, destination) => source.Fill(offset, destination));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path}: cannot be written: {MessageText.OneLine(error.Message, 200)}", error);
        }
        return Checked(source.LossSum, (long)sequences.Count * (length - 1), null);
    }

    /// <summary>Sequences as a [rows, length] tensor of int64 on the CPU.</summary>
    internal static Tensor Upload(IReadOnlyList<int[]> sequences, int first, int rows)
    {
        int length = sequences[first].Length;
        Tensor batch = empty([rows, length], ScalarType.Int64, CPU);
        Span<long> wide = TensorMemory.Span<long>(batch);
        for (int row = 0; row < rows; row++)
            Widen(sequences[first + row], wide.Slice(row * length, length));
        return batch;
    }

    private double SumOfLosses(Tensor batch)
    {
        using DisposeScope scope = NewDisposeScope();
        return model.TokenLosses(batch.to(model.Device)).cpu().sum(ScalarType.Float64).item<double>();
    }

    private int LengthOf(IReadOnlyList<int[]> sequences)
    {
        int length = sequences[0].Length;
        if (length < 2)
            throw new InputException($"the sequences have {length} id; at least 2 are needed, the first of which is only read");
        CheckLength(length);
        return length;
    }

    private void CheckLength(int length)
    {
        int longest = model.Config.MaxPositionEmbeddings;
        if (length < 1 || length > longest)
            throw new InputException($"a sequence of {length} tokens does not fit the model, whose longest has {longest} (max_position_embeddings)");
    }

    private static void Widen(ReadOnlySpan<int> ids, Span<long> wide)
    {
        for (int i = 0; i < ids.Length; i++)
            wide[i] = ids[i];
    }

    private static Score Checked(double sum, long tokens, double? bitsPerByte) => double.IsFinite(sum)
        ? new Score(sum / tokens, tokens, bitsPerByte)
        : throw new InputException("the model's losses are not numbers; its weights are damaged or its training diverged");
}
