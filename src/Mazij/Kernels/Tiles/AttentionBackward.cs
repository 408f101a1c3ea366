using Mazij.Kernels.Simd;

namespace Mazij.Kernels.Tiles;

/// <summary>
/// Gradients of causal attention on tiles. With P = 2^(c Q K^T - L) from the kept L, and delta_i = sum_w dO_iw O_iw, which
/// equals sum_j P_ij dP_ij:
/// dV = P^T dO, dP = dO V^T, dS = P (dP - delta), dQ = scale dS K, dK = scale dS^T Q.
/// Tiles are transposed, keys x queries: P^T and dS^T are then left operands as they stand, L and delta are added to whole
/// vectors, and dQ^T = K^T dS^T takes dS^T as the right operand. A piece of work is a key and value head of a sequence with
/// its query heads; all sums are fp32 and taken in one order.
/// </summary>
internal static unsafe class AttentionBackward
{
    /// <summary>Writes the gradient of q, k, v, and of the gains for each piece.</summary>
    public static void Run<TLanes>(in AttentionOperands operands) where TLanes : struct, ILanes =>
        TileJobs.Run(operands.Sizes.Groups, AttentionGradientPiece<TLanes>.Scratch(operands), new Job<TLanes>(operands));

    private readonly struct Job<TLanes>(AttentionOperands operands) : ITileJob
        where TLanes : struct, ILanes
    {
        private readonly AttentionOperands operands = operands;

        public void Invoke(long index, ref TileScratch scratch)
        {
            HeadLayout layout = operands.Sizes.Layout;
            (long sequence, long keyHead) = Math.DivRem(index, layout.KeyValueHeads);
            AttentionGradientPiece<TLanes> piece = new(operands, sequence, keyHead, ref scratch);
            piece.PackKeys();
            for (long head = keyHead * layout.GroupHeads; head < (keyHead + 1) * layout.GroupHeads; head++)
            {
                piece.PackQueries(head);
                piece.Head();
                piece.WriteQueries(head);
            }
            piece.WriteKeys();
        }
    }
}
