using Mazij.Tests.Hostile.Mutations;

namespace Mazij.Tests.Hostile;

/// <summary>Something that Mazij reads from files: real ones, how they are damaged, and what reading them afterwards may give.</summary>
internal abstract class HostileTarget : IDisposable
{
    /// <summary>Its name, by which a mutation is replayed.</summary>
    public abstract string Name { get; }

    /// <summary>How many of a thousand mutations are its own: fewer of what takes long.</summary>
    public abstract int Share { get; }

    /// <summary>The files.</summary>
    public HostileFolder Folder { get; } = new();

    /// <summary>Whether reading may write inside the folder, as what goes on with an unfinished build does.</summary>
    public virtual bool Writes => false;

    /// <summary>Bytes that may be allocated whatever the files hold.</summary>
    public virtual long FreeBytes => 64L << 20;

    /// <summary>The files that are damaged, and how; those that matter more are named more than once.</summary>
    protected abstract IReadOnlyList<(string File, Mutation How)> Kinds { get; }

    /// <summary>Damages the files.</summary>
    /// <returns>What was done.</returns>
    public virtual string Damage(Dice dice)
    {
        if (dice.OneIn(40))
            return DamageWhole(dice);
        (string file, Mutation how) = dice.Of(Kinds);
        byte[] bytes = File.ReadAllBytes(Folder[file]);
        List<string> done = [];
        // What knows the format first, while the file has it; then what knows nothing.
        for (int times = dice.OneIn(5) ? 3 : 1; done.Count < times; how = ByteMutations.Any)
        {
            Mutated mutated = how(dice, bytes) ?? ByteMutations.Any(dice, bytes) ?? new Mutated([0], "a byte put into the empty file");
            bytes = mutated.Bytes;
            done.Add(mutated.What);
        }
        Folder.Change(file, bytes);
        return $"{file}: {string.Join("; ", done)}";
    }

    /// <summary>Reads the files, and fails if something was accepted that does harm.</summary>
    /// <exception cref="InputException">They are refused.</exception>
    public abstract void Read();

    /// <inheritdoc/>
    public virtual void Dispose() => Folder.Dispose();

    private string DamageWhole(Dice dice)
    {
        string[] files = [.. Kinds.Select(kind => kind.File).Distinct()];
        string file = dice.Of(files), other = dice.Of(files);
        switch (dice.Below(4))
        {
            case 0:
                Folder.Delete(file);
                return $"{file}: deleted";
            case 1:
                Folder.ReplaceByFolder(file);
                return $"{file}: a folder in its place";
            case 2:
                Folder.Change(file, dice.Bytes(dice.Length(1 << 16)));
                return $"{file}: random bytes";
            default:
                Folder.Change(file, Folder.Originals[other]);
                return $"{file}: {other} in its place";
        }
    }
}
