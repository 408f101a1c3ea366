namespace Mazij.Formats.Safetensors;

/// <summary>What a tensor is, without its numbers.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Type">Its number format.</param>
/// <param name="Shape">Its sizes, outermost first; empty for a single number.</param>
internal sealed record TensorSpec(string Name, ElementType Type, IReadOnlyList<long> Shape)
{
    /// <summary>Number of elements.</summary>
    /// <exception cref="OverflowException">The shape is negative or its product does not fit 63 bits.</exception>
    public long ElementCount
    {
        get
        {
            long count = 1;
            foreach (long size in Shape)
                count = checked(count * (size >= 0 ? size : throw new OverflowException("A size is negative.")));
            return count;
        }
    }

    /// <summary>Number of bytes.</summary>
    /// <exception cref="OverflowException">The shape is negative or too large.</exception>
    public long ByteLength => checked(ElementCount * Type.Size());
}
