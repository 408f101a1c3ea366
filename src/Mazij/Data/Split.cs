namespace Mazij.Data;

/// <summary>What a part of a data set is for.</summary>
public enum Split
{
    /// <summary>To learn from.</summary>
    Train,

    /// <summary>Never learned from: to measure with.</summary>
    Validation,
}
