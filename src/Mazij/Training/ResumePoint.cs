namespace Mazij.Training;

/// <summary>Where a resumed run goes on.</summary>
/// <param name="State">What the checkpoint says.</param>
/// <param name="PassedOver">A line for each newer checkpoint that could not be used, with the reason.</param>
internal sealed record ResumePoint(CheckpointState State, IReadOnlyList<string> PassedOver)
{
    /// <summary>Loads the newest checkpoint that is whole and of this run.</summary>
    /// <exception cref="InputException">There is none.</exception>
    public static ResumePoint Find(ModelCheckpoint checkpoint, CheckpointFolder folder)
    {
        List<long> steps = folder.Steps();
        if (steps.Count == 0)
            throw new InputException($"{folder.Path}: holds no checkpoint to resume from; start a new run");
        List<string> passedOver = [];
        Exception? first = null;
        for (int i = steps.Count - 1; i >= 0; i--)
        {
            try
            {
                return new ResumePoint(checkpoint.Load(folder, steps[i]), passedOver);
            }
            catch (Exception error) when (error is InputException or IOException or UnauthorizedAccessException)
            {
                first ??= error;
                folder.PassOver(steps[i]);
                passedOver.Add($"passed over the checkpoint of step {steps[i]}: {error.Message}");
            }
        }
        string older = steps.Count == 1 ? "" : $"; none of the {steps.Count} checkpoints there can be resumed from";
        throw new InputException(first!.Message + older, first);
    }
}
