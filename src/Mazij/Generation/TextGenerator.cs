using Mazij.Kernels.Libtorch;
using Mazij.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Mazij.Generation;

/// <summary>Why generation ended.</summary>
public enum FinishReason
{
    /// <summary>The model ended the text.</summary>
    Stop,

    /// <summary>The wanted number of tokens was reached, or the model's longest sequence.</summary>
    Length,
}

/// <summary>Continues sequences of ids, one token at a time, over a KV cache.</summary>
internal sealed class TextGenerator(MoeTransformer model)
{
    /// <summary>Writes tokens behind a prompt.</summary>
    /// <param name="prompt">At least one id.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <param name="endId">The id that ends a text, or null.</param>
    /// <param name="onToken">Sees each id as it is written; returning false ends generation.</param>
    /// <param name="cancellation">Ends generation after the current token.</param>
    /// <returns>The ids written, without the ending one, and why it ended.</returns>
    /// <exception cref="InputException">The prompt is empty, too long, or holds ids outside the vocabulary.</exception>
    public (List<int> Ids, FinishReason Reason) Generate(
        ReadOnlySpan<int> prompt, SamplingOptions options, int? endId, Func<int, bool>? onToken = null,
        CancellationToken cancellation = default)
    {
        ModelConfig config = model.Config;
        options.Validate();
        CheckPrompt(prompt, config);
        int room = Math.Min(options.MaxTokens, config.MaxPositionEmbeddings - prompt.Length);
        List<int> written = [];
        if (room <= 0)
            return (written, FinishReason.Length);
        using DisposeScope scope = NewDisposeScope();
        using KvCache cache = new(config, 1, prompt.Length + room, model.Parameters.ComputeType, model.Device);
        TokenSampler sampler = new(options, config.VocabSize);
        int next = Draw(prompt, cache, sampler);
        using Tensor single = empty([1, 1], ScalarType.Int64, CPU);
        while (true)
        {
            if (next == endId)
                return (written, FinishReason.Stop);
            written.Add(next);
            if (onToken is not null && !onToken(next))
                return (written, FinishReason.Stop);
            if (written.Count == room || cancellation.IsCancellationRequested)
                return (written, FinishReason.Length);
            TensorMemory.Span<long>(single)[0] = next;
            next = Draw(single, cache, sampler);
        }
    }

    private int Draw(ReadOnlySpan<int> prompt, KvCache cache, TokenSampler sampler)
    {
        using Tensor ids = empty([1, prompt.Length], ScalarType.Int64, CPU);
        Span<long> wide = TensorMemory.Span<long>(ids);
        for (int i = 0; i < wide.Length; i++)
            wide[i] = prompt[i];
        return Draw(ids, cache, sampler);
    }

    private int Draw(Tensor ids, KvCache cache, TokenSampler sampler)
    {
        using DisposeScope scope = NewDisposeScope();
        // On the CPU .to and .cpu are the same tensor, not a copy.
        Tensor logits = model.Infer(ids.to(model.Device), cache, lastOnly: true).cpu();
        return sampler.Next(TensorMemory.Span<float>(logits));
    }

    private static void CheckPrompt(ReadOnlySpan<int> prompt, ModelConfig config)
    {
        if (prompt.Length == 0)
            throw new InputException("the prompt is empty; give some text");
        if (prompt.Length > config.MaxPositionEmbeddings)
        {
            throw new InputException(
                $"the prompt has {prompt.Length} tokens; the model's longest sequence is {config.MaxPositionEmbeddings} (max_position_embeddings)");
        }
        foreach (int id in prompt)
        {
            if ((uint)id >= (uint)config.VocabSize)
                throw new InputException($"token id {id} is not below the model's vocab_size {config.VocabSize}");
        }
    }
}
