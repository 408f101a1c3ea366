using Mazij.Generation;
using Mazij.Tests.Hostile.Mutations;

namespace Mazij.Tests.Hostile.Targets;

/// <summary>Files of token ids.</summary>
internal sealed class IdFileTarget : HostileTarget
{
    private const int VocabularySize = 100;
    private const string Sequences = "sequences.json", List = "list.json";

    public IdFileTarget()
    {
        File.WriteAllText(Folder[Sequences], "[[1, 2, 3, 99],\n [4, 5, 6, 0]]\n");
        File.WriteAllText(Folder[List], "[1, 2, 3, 2147483647]\n");
        Folder.TakeOriginals();
    }

    public override string Name => "ids";

    public override int Share => 30;

    protected override IReadOnlyList<(string File, Mutation How)> Kinds { get; } =
        [(Sequences, JsonMutations.Any), (Sequences, TextMutations.Any), (Sequences, ByteMutations.Any), (List, JsonMutations.Any), (List, TextMutations.Any)];

    public override void Read()
    {
        int[][] sequences = IdFile.ReadSequences(Folder[Sequences], VocabularySize);
        Assert.All(sequences, sequence => Assert.All(sequence, id => Assert.InRange(id, 0, VocabularySize - 1)));
        Assert.Single(sequences.Select(sequence => sequence.Length).Distinct());
        _ = IdFile.ReadList(Folder[List]);
    }
}
