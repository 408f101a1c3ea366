using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Mazij.Tests.Hostile.Mutations;

/// <summary>Changes one place of a JSON document and leaves the rest valid: members removed, doubled, renamed; values of other kinds, huge or deep.</summary>
internal static class JsonMutations
{
    private const int Depth = 100_000;
    private static readonly JsonSerializerOptions asItIs = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly string[] values =
    [
        "null", "true", "false", "0", "-1", "0.5", "1e400", "2147483648", "9223372036854775807", "99999999999999999999", "\"\"", "\"x\"", "\"-1\"", "[]", "{}",
        "[null]", "[[]]", "[{}]", "{\"\":0}", "{\"a\":{\"b\":{}}}", "[0,0]", "[-1,-1]", "[4611686018427387904,4]",
    ];

    /// <summary>Any of them.</summary>
    public static Mutated? Any(Dice dice, byte[] bytes)
    {
        JsonNode? root = JsonNode.Parse(bytes);
        int count = 0;
        Count(root, ref count);
        Edit edit = new(dice, dice.Below(count));
        StringBuilder text = new();
        edit.Write(text, root);
        return new Mutated(Encoding.UTF8.GetBytes(text.ToString()), edit.What);
    }

    private static void Count(JsonNode? node, ref int count)
    {
        count++;
        if (node is JsonObject members)
        {
            foreach ((_, JsonNode? value) in members)
                Count(value, ref count);
        }
        else if (node is JsonArray items)
        {
            foreach (JsonNode? item in items)
                Count(item, ref count);
        }
    }

    /// <summary>Writes a document with one change, at the value of a number.</summary>
    private sealed class Edit(Dice dice, int place)
    {
        private int next;

        public string What { get; private set; } = "";

        public void Write(StringBuilder text, JsonNode? node)
        {
            if (next++ == place)
            {
                string value = Value(node);
                What = $"value {place} is now {MessageText.OneLine(value, 40)}";
                text.Append(value);
                return;
            }
            switch (node)
            {
                case JsonObject members:
                    WriteMembers(text, members);
                    break;
                case JsonArray items:
                    text.Append('[');
                    for (int i = 0; i < items.Count; i++)
                        Write(text.Append(i > 0 ? "," : ""), items[i]);
                    text.Append(']');
                    break;
                default:
                    text.Append(node?.ToJsonString(asItIs) ?? "null");
                    break;
            }
        }

        private void WriteMembers(StringBuilder text, JsonObject members)
        {
            text.Append('{');
            string comma = "";
            foreach ((string name, JsonNode? value) in members)
            {
                if (next != place || !dice.OneIn(2))
                {
                    Write(text.Append(comma).Append(Quoted(name)).Append(':'), value);
                    comma = ",";
                    continue;
                }
                next++;
                string json = value?.ToJsonString(asItIs) ?? "null", key = $"{comma}{Quoted(name)}:{json}";
                switch (dice.Below(4))
                {
                    case 0:
                        What = $"{Shown(name)} removed";
                        continue;
                    case 1:
                        What = $"{Shown(name)} given twice";
                        text.Append(key).Append(',').Append(Quoted(name)).Append(':').Append(dice.OneIn(2) ? json : dice.Of(values));
                        break;
                    default:
                        string other = NewName(name, members);
                        What = $"{Shown(name)} renamed to {MessageText.OneLine(other, 40)}";
                        text.Append(comma).Append('"').Append(other).Append("\":").Append(json);
                        break;
                }
                comma = ",";
            }
            text.Append('}');
        }

        private string NewName(string name, JsonObject members) => dice.Below(5) switch
        {
            0 => Quoted(dice.Of([.. members.Select(member => member.Key)]))[1..^1],
            1 => Quoted(name.ToUpperInvariant())[1..^1],
            2 => new string('k', 1 + dice.Length(50_000)),
            3 => Quoted(name)[1..^1] + "x",
            _ => dice.Of(TextMutations.Strings),
        };

        private string Value(JsonNode? old)
        {
            switch (dice.Below(14))
            {
                case 0:
                    int depth = dice.OneIn(2) ? Depth : 1 + dice.Below(200);
                    (string open, string close) = dice.OneIn(2) ? ("[", "]") : ("{\"a\":", "}");
                    return string.Concat(Enumerable.Repeat(open, depth)) + "0" + string.Concat(Enumerable.Repeat(close, depth));
                case 1:
                    return string.Concat(Enumerable.Repeat("[", Depth));
                case 2 when old is JsonArray { Count: > 0 } items:
                    JsonNode? item = items[dice.Below(items.Count)];
                    string json = item?.ToJsonString(asItIs) ?? "null";
                    return $"[{string.Join(',', Enumerable.Repeat(json, 1 + dice.Length(2000)))}]";
                case 3:
                    return $"\"{dice.Of(TextMutations.Strings)}\"";
                case 4 when old is not null:
                    return $"[{old.ToJsonString(asItIs)}]";
                default:
                    return dice.Of(values);
            }
        }

        private static string Quoted(string name) => JsonSerializer.Serialize(name, asItIs);

        private static string Shown(string name) => MessageText.Quote(name);
    }
}
