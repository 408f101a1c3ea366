using System.Runtime.InteropServices;
using Mazij.Kernels.Libtorch;
using Mazij.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Generation;

/// <summary>Gives a writer the bytes of all logits, computing one sequence after the other, and sums their losses.</summary>
internal sealed class LogitsSource(MoeTransformer model, IReadOnlyList<int[]> sequences, CancellationToken cancellation) : IDisposable
{
    private readonly long rowBytes = sizeof(float) * (long)model.Config.VocabSize;
    private int currentSequence = -1;
    private Tensor? current_SV;

    /// <summary>Sum of -ln p over the predicted ids of the sequences computed so far.</summary>
    public double LossSum { get; private set; }

    /// <summary>Fills bytes of the tensor [sequence, position, vocab]; offsets only grow.</summary>
    public void Fill(long offset, Span<byte> destination)
    {
        int length = sequences[0].Length;
        while (!destination.IsEmpty)
        {
            (long row, long inRow) = Math.DivRem(offset, rowBytes);
            (long sequence, long position) = Math.DivRem(row, length);
            Require((int)sequence);
            using Tensor logits_V = current_SV!.select(0, position);
            ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(TensorMemory.Span<float>(logits_V))[(int)inRow..];
            int count = Math.Min(bytes.Length, destination.Length);
            bytes[..count].CopyTo(destination);
            destination = destination[count..];
            offset += count;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => current_SV?.Dispose();

    private void Require(int sequence)
    {
        if (sequence == currentSequence)
            return;
        cancellation.ThrowIfCancellationRequested();
        current_SV?.Dispose();
        current_SV = null;
        using DisposeScope scope = NewDisposeScope();
        Tensor ids_1S = Scorer.Upload(sequences, sequence, 1);
        Tensor logits_SV = model.Infer(ids_1S.to(model.Device)).squeeze(0);
        Tensor targets_P1 = ids_1S.to(model.Device).narrow(1, 1, ids_1S.shape[1] - 1).view(-1, 1);
        Tensor predicting_PV = logits_SV.narrow(0, 0, targets_P1.shape[0]);
        Tensor losses_P1 = predicting_PV.logsumexp(-1, keepdim: true).sub_(predicting_PV.gather(1, targets_P1));
        LossSum += losses_P1.cpu().sum(ScalarType.Float64).item<double>();
        current_SV = logits_SV.cpu().DetachFromDisposeScope();
        currentSequence = sequence;
    }
}
