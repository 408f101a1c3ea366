using Mazij.Devices;

namespace Mazij.Training;

/// <summary>
/// Saves on a thread of its own while training goes on, one checkpoint at a time. With much to write the thread has a low
/// priority: it takes the time that the step's threads leave over.
/// </summary>
/// <param name="save">Writes what it is given.</param>
internal sealed class CheckpointWriter(Func<CheckpointContent, SaveOutcome> save) : IDisposable
{
    /// <summary>What is written in less time than a step may take is better done with soon.</summary>
    private const long MuchBytes = 32 << 20;

    private Task<SaveOutcome>? running;

    /// <summary>The step that is being written; null if none is.</summary>
    public long? Step { get; private set; }

    /// <summary>Begins to save; the one before must have been taken.</summary>
    /// <param name="content">Copies, which nobody changes before the outcome is taken.</param>
    public void Start(CheckpointContent content)
    {
        if (running is not null)
            throw new InvalidOperationException("A checkpoint is being written.");
        Step = content.State.Progress.Step;
        running = Task.Factory.StartNew(
            () =>
            {
                if (CheckpointSnapshot.BytesFor(content) > MuchBytes)
                    ThreadPriorities.LowerThis();
                return save(content);
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Takes the outcome of what was started.</summary>
    /// <param name="wait">Whether to wait for it.</param>
    /// <returns>Null if nothing was started, or it goes on.</returns>
    public SaveOutcome? Take(bool wait)
    {
        if (running is null || !(wait || running.IsCompleted))
            return null;
        SaveOutcome outcome = running.GetAwaiter().GetResult();
        (running, Step) = (null, null);
        return outcome;
    }

    /// <summary>Waits for what was started.</summary>
    public void Dispose()
    {
        // Its failure, if it was one of ours, is not what ended the run.
        if (running is not null)
            Task.WaitAny(running);
    }
}
