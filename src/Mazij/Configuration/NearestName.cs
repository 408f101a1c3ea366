namespace Mazij.Configuration;

/// <summary>Finds the name somebody probably meant.</summary>
internal static class NearestName
{
    /// <summary>
    /// The candidate nearest to <paramref name="name"/> by Damerau-Levenshtein distance (insert, delete, replace,
    /// swap neighbours), case and the choice between '-' and '_' ignored; null if none is near enough to be a typing
    /// error (a third of the name's length, at least one edit). The first of equally near candidates wins.
    /// </summary>
    public static string? Find(string name, IEnumerable<string> candidates)
    {
        string wanted = Fold(name);
        int limit = Math.Max(1, wanted.Length / 3);
        string? best = null;
        int bestDistance = limit + 1;
        foreach (string candidate in candidates)
        {
            string folded = Fold(candidate);
            // The lengths alone bound the distance from below; this also keeps hostile names of megabytes cheap.
            if (Math.Abs(folded.Length - wanted.Length) >= bestDistance)
                continue;
            int distance = Distance(wanted, folded);
            if (distance < bestDistance)
            {
                best = candidate;
                bestDistance = distance;
            }
        }
        return best;
    }

    /// <summary>"; did you mean X?" for the nearest candidate, or nothing.</summary>
    public static string Hint(string name, IEnumerable<string> candidates) =>
        Find(name, candidates) is { } nearest ? $"; did you mean {MessageText.OneLine(nearest, MessageText.MaximumShown)}?" : "";

    /// <summary>The restricted Damerau-Levenshtein distance (optimal string alignment).</summary>
    internal static int Distance(string a, string b)
    {
        // Three rows of the dynamic programme: D[i, j] is the distance of the first i and first j characters.
        int[] beforeLast = new int[b.Length + 1];
        int[] last = new int[b.Length + 1];
        int[] row = new int[b.Length + 1];
        for (int j = 0; j <= b.Length; j++)
            row[j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            (beforeLast, last, row) = (last, row, beforeLast);
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                row[j] = Math.Min(replace, Math.Min(last[j], row[j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    row[j] = Math.Min(row[j], beforeLast[j - 2] + 1);
            }
        }
        return row[b.Length];
    }

    private static string Fold(string name) => name.ToLowerInvariant().Replace('-', '_');
}
