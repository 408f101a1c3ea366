namespace Mazij.Text.Tokenizers;

/// <summary>Recognises tokenizer.json's pre_tokenizer and normalizer; refuses what would give other words.</summary>
internal static class PreTokenizerReader
{
    /// <summary>The pre-split that the pre_tokenizer describes.</summary>
    /// <exception cref="InputException">None of ours does the same.</exception>
    public static PreSplit ReadPreSplit(JsonValue root)
    {
        if (!root.TryMember("pre_tokenizer", out JsonValue preTokenizer))
            throw root.Wrong("pre_tokenizer is missing; only byte-level BPE tokenizers can be read");
        List<JsonValue> steps = [];
        Flatten(preTokenizer, "pretokenizers", steps);

        List<string> regexes = [];
        JsonValue? gapsDropped = null;
        bool byteLevel = false;
        foreach (JsonValue step in steps)
        {
            string type = step.Member("type").Text();
            if (byteLevel)
                throw step.Wrong("follows ByteLevel, which must be the last step");
            if (type == "Split")
            {
                regexes.Add(ReadSplit(step, ref gapsDropped));
            }
            else if (type == "ByteLevel")
            {
                byteLevel = true;
                if (step.Flag("add_prefix_space", otherwise: true))
                    throw step.Member("add_prefix_space")
                        .Wrong("is true: it would change the text, which is not supported");
                if (step.Flag("use_regex", otherwise: true))
                    regexes.AddRange(PreSplit.Named("gpt-2").Regexes);
            }
            else
            {
                throw step.Member("type")
                    .Wrong($"is {JsonValue.Quote(type)}; only Sequence, Split and ByteLevel are supported");
            }
        }
        if (!byteLevel)
            throw preTokenizer.Wrong("has no ByteLevel; only byte-level BPE tokenizers can be read");
        PreSplit split = PreSplit.WithRegexes(regexes) ?? throw preTokenizer.Wrong(
            $"splits by {JsonValue.Quote(string.Join("' then '", regexes))}, which is none of the known patterns " +
            $"({string.Join(", ", PreSplit.All)})");
        if (gapsDropped is JsonValue invert && split.LeavesGaps)
            throw invert.Wrong("drops what the pattern does not match, which is not supported for this pattern");
        return split;
    }

    /// <summary>Whether the normalizer is NFC; null and empty sequences change nothing.</summary>
    /// <exception cref="InputException">It is another one.</exception>
    public static bool ReadsNfc(JsonValue root)
    {
        if (!root.TryMember("normalizer", out JsonValue normalizer))
            return false;
        List<JsonValue> steps = [];
        Flatten(normalizer, "normalizers", steps);
        foreach (JsonValue step in steps)
        {
            JsonValue type = step.Member("type");
            if (type.Text() != "NFC")
                throw type.Wrong($"is {JsonValue.Quote(type.Text())}; only NFC or no normalizer is supported");
        }
        return steps.Count > 0;
    }

    /// <summary>The steps of nested sequences in order; JSON's own limit bounds the depth.</summary>
    private static void Flatten(JsonValue step, string listName, List<JsonValue> steps)
    {
        if (step.Member("type").Text() != "Sequence")
        {
            steps.Add(step);
            return;
        }
        foreach (JsonValue inner in step.Member(listName).Items())
            Flatten(inner, listName, steps);
    }

    private static string ReadSplit(JsonValue step, ref JsonValue? gapsDropped)
    {
        string regex = step.Member("pattern").Member("Regex").Text();
        JsonValue behavior = step.Member("behavior");
        bool invert = step.Flag("invert");
        // Removed and inverted keeps the matches only: the same words if the pattern matches everything.
        switch (behavior.Text())
        {
            case "Isolated":
                break;
            case "Removed" when invert:
                gapsDropped = behavior;
                break;
            default:
                throw behavior.Wrong(
                    $"is {JsonValue.Quote(behavior.Text())}; only Isolated, or Removed with invert, is supported");
        }
        return regex;
    }
}
