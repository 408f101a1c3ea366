using Mazij.Configuration;
using Mazij.Formats.HuggingFace;
using Mazij.Models;
using Mazij.Text.Tokenizers;

namespace Mazij.Training;

/// <summary>The model that a run trains: a new one, or one from a folder that is trained further.</summary>
internal static class RunModel
{
    /// <summary>The shape that a run file's <c>model</c> section describes.</summary>
    /// <param name="section">A preset's name or a folder, with keys that differ, or keys alone.</param>
    /// <param name="source">The run file, for messages.</param>
    /// <exception cref="InputException">There is no such preset or folder, or the model is impossible.</exception>
    public static ModelConfig Resolve(ModelSection section, string source) =>
        // The run file in a run's folder says everything, and its weights are in the checkpoints: the folder may be gone.
        section.Path is not string folder || section.Says(typeof(ModelConfig))
            ? ModelPresets.Resolve(section, source)
            : section.Bind(HuggingFaceModel.ReadConfig(folder)).Validate(source);

    /// <summary>The run with the tokenizer of the model's folder, where it names a folder and no other tokenizer.</summary>
    public static RunConfig WithItsTokenizer(RunConfig run) => run.Model.Path is string folder && run.Tokenizer.Path is null
        ? run with { Tokenizer = run.Tokenizer with { Path = folder } }
        : run;

    /// <summary>The model that ends documents as a tokenizer does.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">The tokenizer of its data.</param>
    /// <param name="source">The run file, for messages.</param>
    /// <exception cref="InputException">The tokenizer has more entries than the model.</exception>
    public static ModelConfig Fitting(ModelConfig model, BpeTokenizer tokenizer, string source) => tokenizer.VocabularySize <= model.VocabSize
        ? model with { EosTokenId = tokenizer.EndOfTextId }
        : throw new InputException(
            $"{source}: the tokenizer has {tokenizer.VocabularySize} entries, model.vocab_size is {model.VocabSize}; raise the one or train a smaller tokenizer");
}
