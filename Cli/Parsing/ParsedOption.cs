using System.CommandLine;
using System.CommandLine.Parsing;

namespace OrleansLog.Cli.Parsing;

/// <summary>Options and arguments with values of our own kinds, whose mistakes are reported as wrong usage.</summary>
internal static class ParsedOption
{
    /// <summary>An option with one value.</summary>
    /// <param name="name">Its name, dashes included.</param>
    /// <param name="parse">Reads a value; a <see cref="FormatException"/> is the message for the user.</param>
    /// <param name="description">What the help says.</param>
    public static Option<T> Create<T>(string name, Func<string, T> parse, string? description = null) => new(name)
    {
        Description = description,
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result => Parse(result, name, () => parse(result.Tokens[0].Value)),
    };

    /// <summary>An option that may be given several times.</summary>
    public static Option<T> CreateMany<T>(string name, Func<IEnumerable<string>, T> parse, T none, string description) => new(name)
    {
        Description = description,
        Arity = ArgumentArity.OneOrMore,
        CustomParser = result => Parse(result, name, () => parse(result.Tokens.Select(static token => token.Value))),
        DefaultValueFactory = _ => none,
    };

    /// <summary>Text in which escapes stand for bytes.</summary>
    public static Option<ReadOnlyMemory<byte>?> CreateBytes(string name, string description) =>
        Create<ReadOnlyMemory<byte>?>(name, static text => Escapes.ToBytes(text), description);

    /// <summary>One of a few words.</summary>
    public static Option<string?> CreateChoice(string name, string description, params string[] words)
    {
        var option = Create<string?>(
            name,
            text => words.Contains(text, StringComparer.Ordinal)
                ? text
                : throw new FormatException($"'{text}' is none of {string.Join(", ", words)}."),
            description);
        option.HelpName = string.Join('|', words);
        option.CompletionSources.Add(words);
        return option;
    }

    /// <summary>A whole number within bounds; a size may end in k, m or g (times 1024).</summary>
    public static Option<long?> CreateNumber(string name, long least, long greatest, string description) =>
        Create<long?>(name, text => Numbers.Parse(text, least, greatest), description);

    private static T? Parse<T>(ArgumentResult result, string name, Func<T> parse)
    {
        try
        {
            return parse();
        }
        catch (FormatException exception)
        {
            result.AddError($"{name}: {exception.Message}");
            return default;
        }
    }
}
