using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Globalization;
using Mazij.Configuration;

namespace Mazij.Cli;

/// <summary>Says in one line what is wrong with a command line, and which name was probably meant.</summary>
internal static class ParseProblem
{
    /// <summary>The first problem, or null.</summary>
    public static string? Find(ParseResult parsed, string[] args)
    {
        if (parsed.Action is HelpAction)
            return null;
        CommandResult command = parsed.CommandResult;
        // Where an argument may follow, the parser takes an unknown option for one; behind -- it is meant so.
        if (!args.Contains("--") && Misplaced(parsed) is string unknown)
        {
            return OptionNames(command).Contains(unknown)
                ? $"{unknown} stands where a value belongs"
                : $"there is no option {MessageText.OneLine(unknown, 80)}{NearestName.Hint(unknown, OptionNames(command))}";
        }
        if (parsed.Errors.Count == 0)
            return null;
        // A command with others below it may also do something by itself.
        if (command.Command.Subcommands.Count > 0 && (command.Command.Action is null || parsed.UnmatchedTokens.Count > 0))
            return MissingCommand(parsed);
        foreach (ParseError error in parsed.Errors)
        {
            if (error.SymbolResult is OptionResult option)
                return OptionProblem(option, error);
        }
        foreach (Argument argument in command.Command.Arguments)
        {
            if (argument.Arity.MinimumNumberOfValues > 0 && parsed.GetResult(argument) is not { Tokens.Count: > 0 })
                return $"{argument.Name} is missing";
        }
        foreach (Option option in command.Command.Options)
        {
            if (option.Required && parsed.GetResult(option) is null or { Implicit: true, Tokens.Count: 0 })
                return $"{option.Name} {option.HelpName} is missing";
        }
        return parsed.UnmatchedTokens.Count > 0
            ? $"{MessageText.Quote(parsed.UnmatchedTokens[0])} is one argument too many"
            : MessageText.OneLine(parsed.Errors[0].Message, 200);
    }

    /// <summary>The command as it is written: mazij data build.</summary>
    public static string PathOf(CommandResult result)
    {
        string name = result.Command.Name;
        for (SymbolResult? parent = result.Parent; parent is CommandResult command; parent = command.Parent)
            name = $"{command.Command.Name} {name}";
        return name;
    }

    private static string? Misplaced(ParseResult parsed)
    {
        IEnumerable<Token> values = parsed.CommandResult.Children
            .Where(child => child is ArgumentResult or OptionResult { Option.AllowMultipleArgumentsPerToken: true })
            .SelectMany(child => child.Tokens);
        return values.Select(token => token.Value).Concat(parsed.UnmatchedTokens).FirstOrDefault(LooksLikeOption);
    }

    private static bool LooksLikeOption(string text) => text.Length > 1 && text[0] == '-'
        && !double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _);

    private static IEnumerable<string> OptionNames(CommandResult command) =>
        command.Command.Options.Select(option => option.Name).Append("--help");

    private static string MissingCommand(ParseResult parsed)
    {
        IEnumerable<string> names = [.. parsed.CommandResult.Command.Subcommands.Select(command => command.Name)];
        string all = string.Join(", ", names);
        return parsed.UnmatchedTokens.Count > 0
            ? $"there is no command {MessageText.Quote(parsed.UnmatchedTokens[0])}{NearestName.Hint(parsed.UnmatchedTokens[0], names)} (commands: {all})"
            : $"name one of the commands {all}";
    }

    private static string OptionProblem(OptionResult result, ParseError error)
    {
        Option option = result.Option;
        if (result.IdentifierToken is null)
            return $"{option.Name} {option.HelpName} is missing";
        if (result.Tokens.Count == 0)
            return $"{option.Name} needs a value, {option.HelpName}";
        string given = MessageText.Quote(result.Tokens[^1].Value);
        if (result.Tokens.Count > option.Arity.MaximumNumberOfValues)
            return $"{option.Name} is given more than once";
        Type type = Nullable.GetUnderlyingType(option.ValueType) ?? option.ValueType;
        return type == typeof(int) || type == typeof(long) ? $"{option.Name} is {given}; it must be a whole number"
            : type == typeof(double) ? $"{option.Name} is {given}; it must be a number"
            : MessageText.OneLine(error.Message, 200);
    }
}
