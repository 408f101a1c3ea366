using Mazij.Text.Corpora;

namespace Mazij.Data;

/// <summary>
/// Sends each document to training or validation by its content hash: the same text lands in the same split whatever
/// surrounds it, in any order. If no document's hash says validation, the one with the lowest hash is taken, so that a
/// small corpus can be measured too; it still depends on the texts alone.
/// </summary>
internal sealed class SplitChooser(double validationFraction)
{
    // 2^64 x fraction, as the hash's upper half is uniform in [0, 2^64).
    private readonly double threshold = validationFraction * Math.Pow(2, 64);

    public Split Of(UInt128 contentHash) => (ulong)(contentHash >> 64) < threshold ? Split.Validation : Split.Train;

    /// <summary>Gives every document its split. Holds back at most one: the candidate of a validation split still
    /// empty.</summary>
    public IEnumerable<(Document Document, Split Split)> Assign(IEnumerable<Document> documents)
    {
        Document? candidate = null;
        bool settled = validationFraction <= 0;
        foreach (Document document in documents)
        {
            Split split = Of(document.ContentHash);
            if (settled)
            {
                yield return (document, split);
            }
            else if (split == Split.Validation)
            {
                settled = true;
                if (candidate is { } first) yield return (first, Split.Train);
                candidate = null;
                yield return (document, split);
            }
            else if (candidate is not { } held)
            {
                candidate = document;
            }
            else if (document.ContentHash < held.ContentHash)
            {
                candidate = document;
                yield return (held, Split.Train);
            }
            else
            {
                yield return (document, Split.Train);
            }
        }
        if (candidate is { } last) yield return (last, Split.Validation);
    }
}
