using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;

namespace OrleansLog.Cli.Hosting;

/// <summary>Says in one line what is wrong with a command line, and what may have been meant.</summary>
internal static class UsageErrors
{
    /// <summary>The message; null when the command line is right, or asks for help, the version or completions.</summary>
    public static string? Find(ParseResult parse)
    {
        if (parse.Action is HelpAction or { ClearsParseErrors: true })
            return null;
        var problem = UnknownWord(parse) ?? Missing(parse) ?? (parse.Errors.Count > 0 ? parse.Errors[0].Message : null);
        return problem is null
            ? null
            : $"orleanslog: {problem.TrimEnd()} Try `{PathOf(parse.CommandResult)} --help`.";
    }

    /// <summary>A word that nothing takes, or an option that does not exist and would pass for an argument.</summary>
    private static string? UnknownWord(ParseResult parse)
    {
        var command = parse.CommandResult.Command;
        var afterDashes = parse.Tokens.SkipWhile(static token => token.Type != TokenType.DoubleDash).ToHashSet(ReferenceEqualityComparer.Instance);
        var swallowed = parse.CommandResult.Children
            .OfType<ArgumentResult>()
            .SelectMany(static argument => argument.Tokens)
            .Where(token => token.Value.StartsWith('-') && token.Value.Length > 1 && !afterDashes.Contains(token))
            .Select(static token => token.Value);
        if (parse.UnmatchedTokens.Concat(swallowed).FirstOrDefault() is not { } word)
            return null;
        if (word.StartsWith('-'))
        {
            var name = word.Split('=', ':')[0];
            return $"Unknown option '{name}'.{DidYouMean(name, OptionNames(parse.CommandResult))}";
        }

        return command.Subcommands.Count > 0
            ? $"Unknown command '{word}'.{DidYouMean(word, command.Subcommands.Select(static sub => sub.Name))}"
            : $"Unexpected argument '{word}'.";
    }

    private static string? Missing(ParseResult parse)
    {
        var command = parse.CommandResult.Command;
        if (command.Subcommands.Count > 0 && command.Action is null)
            return $"'{(command is RootCommand ? "orleanslog" : command.Name)}' needs a command: {string.Join(", ", command.Subcommands.Select(static sub => sub.Name))}.";
        var missing = command.Arguments.FirstOrDefault(argument =>
            argument.Arity.MinimumNumberOfValues > 0 && (parse.GetResult(argument)?.Tokens.Count ?? 0) == 0);
        return missing is null ? null : $"<{missing.Name}> is missing.";
    }

    private static IEnumerable<string> OptionNames(CommandResult command)
    {
        for (SymbolResult? result = command; result is CommandResult at; result = at.Parent)
        {
            foreach (var option in at.Command.Options.Where(option => !option.Hidden && (at == command || option.Recursive)))
            {
                yield return option.Name;
                foreach (var alias in option.Aliases)
                    yield return alias;
            }
        }
    }

    private static string DidYouMean(string word, IEnumerable<string> known)
    {
        var near = known
            .Select(name => (Name: name, Distance: EditDistance.Between(word, name)))
            .Where(candidate => candidate.Distance <= Math.Max(1, word.Length / 3)
                || (word.Length > 3 && candidate.Name.StartsWith(word, StringComparison.Ordinal)))
            .OrderBy(static candidate => candidate.Distance)
            .Take(2)
            .Select(static candidate => $"'{candidate.Name}'")
            .ToList();
        return near.Count == 0 ? "" : $" Did you mean {string.Join(" or ", near)}?";
    }

    private static string PathOf(CommandResult command)
    {
        var names = new Stack<string>();
        for (SymbolResult? result = command; result is CommandResult at; result = at.Parent)
            names.Push(at.Command is RootCommand ? "orleanslog" : at.Command.Name);
        return string.Join(' ', names);
    }
}
