namespace Mazij.Formats;

/// <summary>
/// Marks each change that is made to the disk, just before it is made. Tests arm it to end the world at any of these
/// moments, as a kill would, or to let the disk fail there; otherwise it does nothing.
/// </summary>
internal static class FailPoint
{
    // Flows into the threads that the arming test starts, and into no other test.
    private static readonly AsyncLocal<Action<string>?> armed = new();

    /// <summary>What is called at each change, with its name; null disarms.</summary>
    public static void Arm(Action<string>? action) => armed.Value = action;

    /// <summary>A change is about to be made.</summary>
    public static void Reach(string change) => armed.Value?.Invoke(change);
}
