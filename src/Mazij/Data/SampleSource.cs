using System.Collections;

namespace Mazij.Data;

/// <summary>A source of samples: the training split of a data set, its order, and how far it has been read.</summary>
internal sealed class SampleSource
{
    private readonly Sampler sampler;
    private readonly int sequenceLength;
    private BitArray? leftOut;

    /// <summary>Starts at a position.</summary>
    /// <param name="name">Its name in the run file.</param>
    /// <param name="identity">A hash of its data.</param>
    /// <param name="split">Its tokens.</param>
    /// <param name="sequenceLength">Tokens predicted in one window.</param>
    /// <param name="block">Windows that a long window covers; 1 if there will be none.</param>
    /// <param name="seed">The seed of the order.</param>
    /// <param name="position">Windows taken before, epochs included.</param>
    /// <param name="isLong">Whether samples are long windows.</param>
    /// <exception cref="InputException">The split is shorter than one window.</exception>
    public SampleSource(
        string name, string identity, TokenSplit split, int sequenceLength, int block, long seed, long position, bool isLong)
    {
        (Name, Identity, Split, Position, IsLong, this.sequenceLength) = (name, identity, split, position, isLong, sequenceLength);
        sampler = new Sampler(split.Windows(sequenceLength), new SamplerState((ulong)seed, 0), block);
    }

    /// <summary>Its name in the run file.</summary>
    public string Name { get; }

    /// <summary>A hash of its data.</summary>
    public string Identity { get; }

    /// <summary>Its tokens.</summary>
    public TokenSplit Split { get; }

    /// <summary>Windows taken or passed over, epochs included; a long one counts as all that it covers.</summary>
    public long Position { get; private set; }

    /// <summary>Whether samples are long windows.</summary>
    public bool IsLong { get; private set; }

    /// <summary>Windows of an epoch.</summary>
    public long Windows => sampler.Windows;

    /// <summary>Share of its windows, or long windows, that are left out because another source has their text.</summary>
    public double ShareLeftOut { get; private set; }

    /// <summary>Goes on in long windows, behind everything that the windows so far touched.</summary>
    /// <param name="foreign">Tokens that another source has, ascending.</param>
    /// <exception cref="InputException">Nothing is left.</exception>
    public void BeginLong(IReadOnlyList<TokenRange> foreign)
    {
        IsLong = true;
        Position = sampler.FirstLongPosition(Position);
        LeaveOut(foreign);
    }

    /// <summary>Passes over, from now on, every window of which more than half is in the given ranges.</summary>
    /// <param name="foreign">Tokens that another source has, ascending and apart.</param>
    /// <exception cref="InputException">Nothing is left.</exception>
    public void LeaveOut(IReadOnlyList<TokenRange> foreign)
    {
        if (foreign.Count == 0)
            return;
        int length = IsLong ? sequenceLength * sampler.Block : sequenceLength;
        long windows = IsLong ? sampler.Windows / sampler.Block : sampler.Windows;
        leftOut = new BitArray(checked((int)windows));
        long left = 0, counted = -1, tokens = 0;
        foreach (TokenRange range in foreign)
        {
            // A window predicts its tokens but the first, which the window before predicts.
            long first = Math.Max(0, range.First - 1) / length, last = Math.Min(windows - 1, (range.End - 2) / length);
            for (long window = first; window <= last; window++)
            {
                if (window != counted)
                    (counted, tokens) = (window, 0);
                tokens += Math.Min(range.End, (window + 1) * length + 1) - Math.Max(range.First, window * length + 1);
                if (2 * tokens <= length || leftOut[(int)window])
                    continue;
                leftOut[(int)window] = true;
                left++;
            }
        }
        if (left == windows)
            throw new InputException($"all text of the source {MessageText.Quote(Name)} is in another source too, or in the validation text; remove one of them");
        ShareLeftOut = (double)left / windows;
    }

    /// <summary>Takes the next fresh sample and returns its position.</summary>
    public long Take()
    {
        while (true)
        {
            long position = Position;
            Position += IsLong ? sampler.Block : 1;
            if (leftOut is null || !leftOut[(int)WindowOf(position)])
                return position;
        }
    }

    /// <summary>The window, or long window, of the sample at a position.</summary>
    public long WindowOf(long position) => IsLong ? sampler.LongWindowOf(position) : sampler.WindowOf(position);
}
