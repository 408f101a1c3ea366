namespace Mazij.Configuration;

/// <summary>A record that can check its properties against each other once they are bound.</summary>
internal interface ICheckedSection
{
    /// <summary>What is wrong: the key (dotted, relative to this record) and the problem, in words that follow the
    /// key.</summary>
    IEnumerable<(string Key, string Problem)> FindProblems();
}
