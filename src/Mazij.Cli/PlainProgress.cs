using Mazij.Training;

namespace Mazij.Cli;

/// <summary>A run as plain lines: for files, pipes, and terminals that can do no more.</summary>
internal sealed class PlainProgress() : TrainingDisplay(TerminalOutput.OfStandardOutput())
{
    private readonly TerminalOutput errors = TerminalOutput.OfStandardError();

    /// <inheritdoc/>
    public override void StepDone(Trainer trainer, StepRecord record)
    {
        if (record.Step % trainer.Config.LogEvery == 0 || record.Step == 1)
            Say(TrainingText.Step(record, trainer.Config.Stop));
    }

    /// <inheritdoc/>
    public override void ShowInterruption(string message) => errors.WriteLine(message);
}
