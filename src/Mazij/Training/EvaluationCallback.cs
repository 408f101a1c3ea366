namespace Mazij.Training;

/// <summary>Evaluates every N steps and when the run ends.</summary>
internal sealed class EvaluationCallback(Evaluator evaluator) : TrainingCallback
{
    private long evaluatedAt = -1;

    /// <inheritdoc/>
    public override void StepDone(Trainer trainer, StepRecord record)
    {
        if (trainer.Config.EvaluateEvery > 0 && record.Step % trainer.Config.EvaluateEvery == 0)
            Evaluate(trainer);
    }

    /// <inheritdoc/>
    public override void RunEnding(Trainer trainer, bool interrupted)
    {
        // An interrupted run saves at once; it will evaluate when it is resumed.
        if (!interrupted && evaluatedAt != trainer.Progress.Step)
            Evaluate(trainer);
    }

    private void Evaluate(Trainer trainer)
    {
        evaluatedAt = trainer.Progress.Step;
        trainer.Starting(TrainingActivity.Evaluating);
        trainer.Report(evaluator.Evaluate(trainer.Progress.Step, trainer.Progress.Tokens));
    }
}
