using Mazij.Training;

namespace Mazij.Cli;

/// <summary>A run as plain lines: for files, pipes, and terminals that can do no more.</summary>
internal sealed class PlainProgress() : TrainingDisplay(SurvivingWriter.OfStandardOutput())
{
    private readonly SurvivingWriter errors = SurvivingWriter.OfStandardError();

    /// <inheritdoc/>
    public override void StepDone(Trainer trainer, StepRecord record)
    {
        if (record.Step % trainer.Config.LogEvery == 0 || record.Step == 1)
            Say(TrainingText.Step(record, trainer.Config.Stop));
    }

    /// <inheritdoc/>
    public override void ShowInterruption(string message) => errors.WriteLine(message);

    /// <summary>Does nothing: a line is out when it is written.</summary>
    public override void Dispose() { }
}
