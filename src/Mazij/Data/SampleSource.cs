namespace Mazij.Data;

/// <summary>A source of samples: the training split of a data set and how far it has been read.</summary>
internal sealed class SampleSource
{
    private readonly Sampler sampler;

    /// <summary>Starts at a position.</summary>
    /// <param name="name">Its name in the run file.</param>
    /// <param name="identity">A hash of its data.</param>
    /// <param name="split">Its tokens.</param>
    /// <param name="sequenceLength">Tokens predicted in one sample.</param>
    /// <param name="seed">The seed of the order.</param>
    /// <param name="position">Samples taken before, epochs included.</param>
    /// <exception cref="InputException">The split is shorter than one window.</exception>
    public SampleSource(string name, string identity, TokenSplit split, int sequenceLength, long seed, long position)
    {
        (Name, Identity, Split, Position) = (name, identity, split, position);
        sampler = new Sampler(split.Windows(sequenceLength), new SamplerState((ulong)seed, 0));
    }

    /// <summary>Its name in the run file.</summary>
    public string Name { get; }

    /// <summary>A hash of its data.</summary>
    public string Identity { get; }

    /// <summary>Its tokens.</summary>
    public TokenSplit Split { get; }

    /// <summary>Samples taken, epochs included.</summary>
    public long Position { get; private set; }

    /// <summary>Takes the next fresh sample and returns its position.</summary>
    public long Take() => Position++;

    /// <summary>The window of the sample at a position.</summary>
    public long WindowOf(long position) => sampler.WindowOf(position);
}
