using Mazij.Generation;
using Mazij.Models;
using Mazij.Text.Tokenizers;

namespace Mazij.Training;

/// <summary>Lets the model continue the run's sample prompts after each evaluation, before the first step and half-way through, to show
/// what it has learnt.</summary>
internal sealed class SampleCallback(MoeTransformer model, BpeTokenizer tokenizer) : TrainingCallback
{
    private readonly TextGenerator generator = new(model);

    private long sampledAt = -1;
    private bool isPastHalf;

    /// <inheritdoc/>
    public override void RunStarting(Trainer trainer)
    {
        isPastHalf = trainer.Progress.FractionOf(trainer.Config.Stop) >= 0.5;
        if (trainer.Progress.Step == 0)
            Write(trainer, 0);
    }

    /// <inheritdoc/>
    public override void StepDone(Trainer trainer, StepRecord record)
    {
        if (isPastHalf || record.Fraction < 0.5)
            return;
        isPastHalf = true;
        if (sampledAt != record.Step && record.Fraction < 1)
            Write(trainer, record.Step);
    }

    /// <inheritdoc/>
    public override void Evaluated(Trainer trainer, EvaluationRecord record) => Write(trainer, record.Step);

    private void Write(Trainer trainer, long step)
    {
        sampledAt = step;
        if (trainer.Config.SamplePrompts.Count > 0)
            trainer.Starting(TrainingActivity.Sampling);
        foreach (string prompt in trainer.Config.SamplePrompts)
        {
            int[] ids = tokenizer.Encode(prompt);
            if (ids.Length == 0 || ids.Length >= model.Config.MaxPositionEmbeddings)
                continue;
            SamplingOptions options = new()
            {
                MaxTokens = trainer.Config.SampleTokens,
                Temperature = 0.7,
                TopP = 0.9,
                Seed = trainer.Config.Seed,
            };
            (List<int> written, _) = generator.Generate(ids, options, tokenizer.EndOfTextId);
            string text = System.Text.Encoding.UTF8.GetString(tokenizer.Decode(written.ToArray()));
            trainer.Show(new SampleRecord(step, prompt, text));
        }
    }
}
