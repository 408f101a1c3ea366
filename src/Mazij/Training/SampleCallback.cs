using Mazij.Generation;
using Mazij.Models;
using Mazij.Text.Tokenizers;

namespace Mazij.Training;

/// <summary>Lets the model continue the run's sample prompts after each evaluation, to show what it has learnt.</summary>
internal sealed class SampleCallback(MoeTransformer model, BpeTokenizer tokenizer) : TrainingCallback
{
    private readonly TextGenerator generator = new(model);

    /// <inheritdoc/>
    public override void Evaluated(Trainer trainer, EvaluationRecord record)
    {
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
            trainer.Show(new SampleRecord(record.Step, prompt, text));
        }
    }
}
