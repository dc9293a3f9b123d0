using System.CommandLine;
using OrleansLog.Cli.Parsing;

namespace OrleansLog.Cli.Consume;

/// <summary>The options that say how records are written.</summary>
internal sealed class OutputOptions
{
    private const string Text = "text";
    private const string Json = "json";
    private const string Hex = "hex";
    private const string Raw = "raw";

    private readonly Option<string?> _format = ParsedOption.CreateChoice(
        "--format",
        "text: a line a record. json: an object a line. hex: text with keys and values as hexadecimal digits. raw: the values' bytes and nothing else. Default: text.",
        Text,
        Json,
        Hex,
        Raw);

    private readonly Option<ReadOnlyMemory<byte>?> _separator = ParsedOption.CreateBytes(
        "--key-separator", "What stands between printed fields; \\t, the default, is a tab.");

    private readonly Option<ReadOnlyMemory<byte>?> _nullValue = ParsedOption.CreateBytes(
        "--null-value", "What is printed for a null key or value. Default: null.");

    private readonly (Option<bool> Option, PrintedFields Field)[] _prints =
    [
        (new Option<bool>("--print-key") { Description = "Print the key before the value." }, PrintedFields.Key),
        (new Option<bool>("--print-topic") { Description = "Print the topic." }, PrintedFields.Topic),
        (new Option<bool>("--print-partition") { Description = "Print the partition." }, PrintedFields.Partition),
        (new Option<bool>("--print-offset") { Description = "Print the offset." }, PrintedFields.Offset),
        (new Option<bool>("--print-timestamp") { Description = "Print the timestamp, in milliseconds since 1970." }, PrintedFields.Timestamp),
        (new Option<bool>("--print-headers") { Description = "Print the headers: name=value,name=value." }, PrintedFields.Headers),
    ];

    /// <summary>Makes the options.</summary>
    public OutputOptions()
    {
        _format.Aliases.Add("-f");
        _separator.Aliases.Add("-K");
        _separator.HelpName = "separator";
        _nullValue.HelpName = "marker";
        _prints[0].Option.Aliases.Add("-k");
    }

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_format);
        foreach (var (option, _) in _prints)
            command.Add(option);
        command.Add(_separator);
        command.Add(_nullValue);
    }

    /// <summary>The formatter that was asked for.</summary>
    /// <exception cref="UsageException">The options contradict each other.</exception>
    public RecordFormatter Read(ParseResult parse, bool json)
    {
        var format = parse.GetValue(_format) ?? (json ? Json : Text);
        var fields = _prints.Where(print => parse.GetValue(print.Option)).Aggregate(PrintedFields.None, static (all, print) => all | print.Field);
        if (json && format != Json)
            throw new UsageException($"--json and --format {format} contradict each other.");
        if (format == Raw && fields != PrintedFields.None)
            throw new UsageException("--format raw prints values and nothing else; leave the --print options out.");
        return format switch
        {
            Json => new JsonFormatter(),
            Raw => new RawFormatter(),
            _ => new TextFormatter(
                fields,
                parse.GetValue(_separator)?.ToArray() ?? "\t"u8.ToArray(),
                parse.GetValue(_nullValue)?.ToArray() ?? "null"u8.ToArray(),
                format == Hex),
        };
    }
}
