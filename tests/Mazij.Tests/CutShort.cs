using Mazij.Formats;

namespace Mazij.Tests;

/// <summary>Work on the disk that is killed at a given moment.</summary>
internal static class CutShort
{
    /// <summary>What a kill is to this process: nothing catches it, and nothing changes the disk any more.</summary>
    private sealed class Killed : Exception;

    /// <summary>Runs an action that is killed just before its change number <paramref name="moment"/>, counted from
    /// 0.</summary>
    /// <param name="moment">How many changes come through.</param>
    /// <param name="changes">Gets the names of the changes.</param>
    /// <param name="action">Changes the disk.</param>
    /// <returns>False if it made fewer changes, and came to its end.</returns>
    public static bool At(int moment, HashSet<string> changes, Action action)
    {
        int left = moment;
        bool cut = false;
        FailPoint.Arm(change =>
        {
            changes.Add(change);
            if (left-- <= 0)
            {
                cut = true;
                throw new Killed();
            }
        });
        try
        {
            action();
        }
        catch (Killed)
        {
            // The disk is as it was at that moment.
        }
        finally
        {
            FailPoint.Arm(null);
        }
        return cut;
    }
}
