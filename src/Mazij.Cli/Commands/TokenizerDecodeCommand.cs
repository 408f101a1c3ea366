using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Mazij.Generation;
using Mazij.Text.Tokenizers;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij tokenizer decode</c>.</summary>
internal static class TokenizerDecodeCommand
{
    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Argument<string> tokenizer = new("TOKENIZER") { Description = "A tokenizer.json, or a folder that holds one." };
        Option<string?> ids = new("--ids") { Description = "Ids separated by commas or spaces.", HelpName = "\"1,2,3\"" };
        Option<string?> file = new("--file") { Description = "Read the ids from a JSON array, as [1, 2, 3].", HelpName = "FILE.json" };
        Option<bool> json = new("--json") { Description = "Print the text as JSON; bytes that are not UTF-8 become U+FFFD." };
        Command command = new(
            "decode",
            "Turn token ids back into text: exactly the bytes they stand for.\n\n" +
            "Example: mazij tokenizer decode runs/quickstart/model --ids 1041,523,977")
        { tokenizer, ids, file, json };
        command.SetAction(parsed => Failures.Guard(() =>
        {
            string? given = parsed.GetValue(ids), path = parsed.GetValue(file);
            if ((given is null) == (path is null))
                throw new InputException("give the ids by --ids \"1,2,3\" or by --file FILE.json, one of them");
            BpeTokenizer bpe = Tokenizer.Load(parsed.GetRequiredValue(tokenizer));
            byte[] bytes = bpe.Decode(path is not null ? IdFile.ReadList(path) : ParseIds(given!));
            if (parsed.GetValue(json))
                JsonOutput.Write(new JsonObject { ["text"] = Encoding.UTF8.GetString(bytes) });
            else
                Print(bytes);
            return 0;
        }));
        return command;
    }

    private static int[] ParseIds(string text)
    {
        string[] parts = text.Split([',', ' ', '\t', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);
        int[] ids = new int[parts.Length];
        for (int i = 0; i < ids.Length; i++)
        {
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out ids[i]))
                throw new InputException($"--ids: element {i} is {MessageText.Quote(parts[i])}, no id (a whole number)");
        }
        return ids;
    }

    // As bytes: a text of tokens need not be UTF-8, and a file must get exactly what was encoded.
    private static void Print(byte[] bytes)
    {
        using Stream output = Console.OpenStandardOutput();
        output.Write(bytes);
        if (!Console.IsOutputRedirected)
            output.Write("\n"u8);
    }
}
