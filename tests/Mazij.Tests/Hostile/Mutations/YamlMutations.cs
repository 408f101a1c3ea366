using System.Text;

namespace Mazij.Tests.Hostile.Mutations;

/// <summary>What YAML allows and no run file needs, and what only looks like YAML.</summary>
internal static class YamlMutations
{
    private static readonly string[] lines =
    [
        "a: &a [lol, lol]", "b: *a", "<<: *a", "<<: {seed: 1}", "? [complex, key]\n: value", "? ", "--- ", "--- again", "...", "%YAML 9.9", "%TAG ! tag:x,2000:",
        "!!python/object/apply:os.system [\"true\"]", "!<tag:x> y", "a: !!binary aGk=", "a: !!int \"7\"", "key: |99\n  x", "key: >-\n\ttext", "key: \"unclosed",
        "key: 'unclosed", "key: @reserved", "key: `reserved", "\tindented: 1", "- item", "  - item", "key: {a: b", "key: [a, b", "key: ]", ": value", ":", "-", "#", "\"\": 1",
        "training: 1", "training: []", "training: {stop: {steps: .inf}}", "data: {corpus: [[[]]]}", "data: {corpus: [null]}", "data: {corpus: ~}", "model: {}", "model: null",
        "model: [1]", "model: {preset: quickstart, path: x}", "model: ../../outside", "model: {path: ../../outside}", "tokenizer: {path: \"\\0\"}", "data: {corpus: [\"a\\0b\"]}",
        "data: {sources: [{name: a}, {name: a}]}", "data: {sources: [null]}", "data: {sources: [1]}", "data: {mixture: [{from: 0}, {from: -1}]}",
        "training: {batch_warmup: {}}", "training: {long_context: {}}", "training: {long_context: {from: 2}}", "cost: {price_per_hour: 1e308, currency: \"\\x1b[2J\"}",
        "yes: no", "2001-01-01: 1", "0x10: 1", "~: 1", "null: 1", "key: \"\\ud800\"", "key: \"\\U0010FFFF\"", "key: \"\\UFFFFFFFF\"",
    ];

    /// <summary>Any of them.</summary>
    public static Mutated? Any(Dice dice, byte[] bytes)
    {
        List<string> text = [.. Encoding.UTF8.GetString(bytes).Split('\n')];
        int at = dice.Below(text.Count);
        (string added, string what) = dice.Below(7) switch
        {
            0 => (Laughs(), "a billion laughs"),
            1 => (Deep(dice), "deep nesting"),
            2 => ("? " + new string('k', 1 + dice.Length(200_000)), "a long key"),
            _ => dice.Of(lines) is var line ? (line, line) : default,
        };
        if (dice.OneIn(6))
            return new Mutated(Encoding.UTF8.GetBytes(added), $"replaced by {MessageText.OneLine(what, 60)}");
        text.Insert(at, dice.OneIn(3) ? "  " + added : added);
        return new Mutated(Encoding.UTF8.GetBytes(string.Join('\n', text)), $"{MessageText.OneLine(what, 60)} inserted at line {at + 1}");
    }

    private static string Laughs()
    {
        StringBuilder text = new("a0: &a0 lol\n");
        for (int i = 1; i < 30; i++)
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 9))}]\n");
        return text.ToString();
    }

    private static string Deep(Dice dice)
    {
        int depth = dice.OneIn(2) ? 100_000 : 1 + dice.Below(100);
        return "deep: " + string.Concat(Enumerable.Repeat(dice.Of("[", "{a: ", "- ", "? ", "!a ", "\"", "{", "[{"), depth));
    }
}
