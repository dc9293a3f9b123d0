using System.CommandLine;
using System.Text;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Input;
using OrleansLog.Cli.Parsing;
using OrleansLog.Cli.Rendering;
using OrleansLog.Records;

namespace OrleansLog.Cli.Produce;

/// <summary><c>produce TOPIC [FILE...]</c>.</summary>
internal sealed class ProduceCommand
{
    private const int DefaultMaxLineBytes = 1_000_000;
    private const int LargestLine = 60_000_000;
    private const int RecordOverhead = 4096; // key, headers and the batch's own fields, generously

    private readonly Argument<string> _topic = new("topic") { Description = "The topic; it must exist." };
    private readonly Argument<string[]> _files = new("file")
    {
        Description = "Files to read, one after the other; '-' or none: standard input.", Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<ReadOnlyMemory<byte>?> _keySeparator = ParsedOption.CreateBytes(
        "--key-separator", "Lines are key, separator, value; \\t stands for a tab. A line without it has no key.");

    private readonly Option<long?> _keyField = ParsedOption.CreateNumber(
        "--key-field", 1, 1_000_000, "The key is this field of the line (from 1, separated by --key-separator, a tab by default); the value the whole line.");

    private readonly Option<ReadOnlyMemory<byte>?> _nullValue = ParsedOption.CreateBytes(
        "--null-value", "A value of exactly this is sent as null: it deletes the key in a compacted topic.");

    private readonly Option<long?> _partition = ParsedOption.CreateNumber(
        "--partition", 0, int.MaxValue, "The partition all records go to. Default: chosen by the key.");

    private readonly Option<IReadOnlyList<KeyValuePair<string, string>>> _headers = ParsedOption.CreateMany(
        "--header", KeyValues.ParseList, [], "A header that each record gets; may be repeated.");

    private readonly Option<bool> _crlf = new("--crlf")
    {
        Description = "Lines may end in CR LF; without this a CR belongs to its line.",
    };

    private readonly Option<long?> _maxLineBytes = ParsedOption.CreateNumber(
        "--max-line-bytes", 1, LargestLine, "The longest line taken. Default: 1,000,000.");

    private readonly Option<bool> _keepGoing = new("--keep-going")
    {
        Description = "Go on after a record that fails; without this the first failure ends the work.",
    };

    private readonly ProducerTuning _tuning = new();

    private ProduceCommand()
    {
        _keySeparator.Aliases.Add("-K");
        _keySeparator.HelpName = "separator";
        _nullValue.HelpName = "marker";
        _partition.Aliases.Add("-p");
        _headers.Aliases.Add("-H");
        _headers.HelpName = "name=value";
    }

    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var produce = new ProduceCommand();
        var command = new Command("produce", "Produce a record for each line of files or of standard input.")
        {
            produce._topic, produce._files, produce._keySeparator, produce._keyField, produce._nullValue, produce._partition,
            produce._headers, produce._crlf, produce._maxLineBytes, produce._keepGoing,
        };
        produce._tuning.AddTo(command);
        return app.Handle(command, produce.RunAsync);
    }

    private async Task<int> RunAsync(CommandRun run, CancellationToken cancellationToken)
    {
        var settings = ReadSettings(run);
        var files = run.Parse.GetValue(_files) ?? [];
        var sources = InputSource.From(files, run.Host);
        var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
        await TopicCheck.RequireAsync(client.Admin, settings.Topic, settings.Partition, cancellationToken).ConfigureAwait(false);
        if (files.Length == 0 && run.Host.InputIsTerminal)
            await run.Error.WriteLineAsync("Reading lines from the keyboard; Ctrl-D ends them.").ConfigureAwait(false);

        var progress = new ProduceProgress();
        ProduceResult result;
        var producer = client.CreateProducer(
            _tuning.Read(run.Parse, settings.MaxLineBytes + RecordOverhead, run.Settings.Timeout));
        await using (producer.ConfigureAwait(false))
        {
            await using (ProgressOf(run, progress, sources).ConfigureAwait(false))
            {
                result = await new LineProducer(producer, settings, progress, run.Host.Time)
                    .RunAsync(sources, cancellationToken).ConfigureAwait(false);
            }
        }

        return ProduceReport.Write(run, result);
    }

    private static ProgressLine ProgressOf(CommandRun run, ProduceProgress progress, IReadOnlyList<InputSource> sources)
    {
        var total = sources.Any(static source => source.Bytes is null) ? null : sources.Sum(static source => source.Bytes);
        var shown = run.Host.ErrorIsTerminal && !run.Host.InputIsTerminal || (run.Host.ErrorIsTerminal && total is not null);
        return ProgressLine.Start(
            shown ? run.Error : null, run.Host.Time, () => new ProgressState(progress.Lines, progress.BytesRead, progress.BytesRead, total));
    }

    private ProduceSettings ReadSettings(CommandRun run)
    {
        var headers = run.Value(_headers)!;
        return new ProduceSettings
        {
            Topic = run.Value(_topic),
            Format = new LineFormat
            {
                KeySeparator = SeparatorOf(run.Value(_keySeparator)),
                KeyField = (int)(run.Value(_keyField) ?? 0),
                NullValue = run.Value(_nullValue)?.ToArray(),
            },
            Partition = (int?)run.Value(_partition),
            Headers = headers.Count == 0
                ? null
                : [.. headers.Select(static header => new RecordHeader(header.Key, Encoding.UTF8.GetBytes(header.Value)))],
            MaxLineBytes = (int)(run.Value(_maxLineBytes) ?? DefaultMaxLineBytes),
            StripCarriageReturn = run.Value(_crlf),
            KeepGoing = run.Value(_keepGoing),
        };
    }

    private static byte[]? SeparatorOf(ReadOnlyMemory<byte>? separator) => separator is { Length: 0 }
        ? throw new UsageException("--key-separator is empty; in a shell, a tab is written '\\t' or $'\\t'.")
        : separator?.ToArray();
}
