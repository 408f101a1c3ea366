using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using Mazij.Text.Tokenizers;

namespace Mazij.Cli.Commands;

/// <summary><c>mazij tokenizer encode</c>.</summary>
internal static class TokenizerEncodeCommand
{
    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        Argument<string> tokenizer = new("TOKENIZER") { Description = "A tokenizer.json, or a folder that holds one." };
        Option<string?> text = new("--text") { Description = "The text; - reads standard input.", HelpName = "TEXT" };
        Option<string?> file = new("--file") { Description = "Read the text from a UTF-8 file.", HelpName = "FILE" };
        Option<bool> special = new("--special") { Description = "Text that spells a special token becomes that token." };
        Option<bool> json = new("--json") { Description = "Print ids and tokens as JSON." };
        Command command = new(
            "encode",
            "Turn text into token ids, separated by commas as mazij tokenizer decode takes them.\n\n" +
            "Example: mazij tokenizer encode runs/quickstart/model --text \"Gets or sets\"")
        { tokenizer, text, file, special, json };
        command.SetAction(parsed => Failures.Guard(() =>
        {
            string? given = parsed.GetValue(text), path = parsed.GetValue(file);
            if ((given is null) == (path is null))
                throw new InputException("give the text by --text TEXT or by --file FILE, one of them");
            BpeTokenizer bpe = Tokenizer.Load(parsed.GetRequiredValue(tokenizer));
            byte[] bytes = path is not null ? TextInput.ReadUtf8(path)
                : given == TextInput.StandardInput ? TextInput.ReadUtf8(given)
                : Encoding.UTF8.GetBytes(given!);
            List<int> ids = [];
            if (parsed.GetValue(special))
                bpe.EncodePrompt(bytes, ids);
            else
                bpe.Encode(bytes, ids);
            if (parsed.GetValue(json))
            {
                JsonOutput.Write(new JsonObject
                {
                    ["ids"] = JsonOutput.Array(ids),
                    ["tokens"] = JsonOutput.Array(ids.Select(id => bpe.Spelling(id) ?? "")),
                });
            }
            else
            {
                Console.Out.WriteLine(string.Join(",", ids));
            }
            return 0;
        }));
        return command;
    }
}
