using System.CommandLine;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Parsing;
using OrleansLog.Cli.Rendering;
using OrleansLog.Client;
using OrleansLog.Records;

namespace OrleansLog.Cli.Consume;

/// <summary><c>consume TOPIC...</c>.</summary>
internal sealed class ConsumeCommand
{
    private readonly Argument<string[]> _topics = new("topic") { Description = "Topics to read.", Arity = ArgumentArity.OneOrMore };
    private readonly ConsumeStartOptions _start;
    private readonly OutputOptions _output = new();
    private readonly Option<string?> _group = new("--group", "-g")
    {
        Description = "Read as a member of this consumer group: share the partitions, go on from the committed offsets, commit what was written.",
        HelpName = "name",
    };

    private readonly Option<string?> _instance = new("--instance")
    {
        Description = "A static member's id: coming back under it within the session timeout causes no rebalance.", HelpName = "id",
    };

    private readonly Option<string?> _assignor = ParsedOption.CreateChoice(
        "--assignor", "How the group spreads partitions.", Assignors.Range, Assignors.RoundRobin, Assignors.Sticky);

    private readonly Option<long?> _count = ParsedOption.CreateNumber("--count", 0, long.MaxValue, "Stop after so many records.");
    private readonly Option<bool> _untilEnd = new("--until-end", "-e")
    {
        Description = "Stop at the end that the partitions have now; starts from the beginning unless told otherwise. In a group: when this member's partitions have no lag.",
    };

    private readonly Option<TimeSpan?> _idleTimeout = ParsedOption.Create<TimeSpan?>(
        "--idle-timeout",
        static text => long.TryParse(text, out var milliseconds) && milliseconds is > 0 and <= int.MaxValue
            ? TimeSpan.FromMilliseconds(milliseconds)
            : Durations.TryParse(text, out var value) && value > TimeSpan.Zero
                ? value
                : throw new FormatException($"'{text}' is no time to wait: give milliseconds, or 10s, 2m."),
        "Stop when no record has come for so many milliseconds (or 10s, 2m).");

    private readonly Option<TimeSpan?> _commitInterval = ParsedOption.Create<TimeSpan?>(
        "--commit-interval",
        static text => Durations.TryParse(text, out var value) && value >= TimeSpan.FromMilliseconds(10)
            ? value
            : throw new FormatException($"'{text}' is no interval from 10ms on."),
        "How often a group's offsets are committed. Default: 1s.");

    private ConsumeCommand(TimeProvider time)
    {
        _start = new ConsumeStartOptions(time);
        _count.Aliases.Add("-n");
    }

    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var consume = new ConsumeCommand(app.Time);
        var command = new Command("consume", "Read records; from now on unless told otherwise.") { consume._topics };
        consume._start.AddTo(command);
        foreach (var option in (Option[])
                 [consume._group, consume._count, consume._untilEnd, consume._idleTimeout])
            command.Add(option);
        consume._output.AddTo(command);
        foreach (var option in (Option[])[consume._commitInterval, consume._instance, consume._assignor])
            command.Add(option);
        return app.Handle(command, consume.RunAsync);
    }

    private async Task<int> RunAsync(CommandRun run, CancellationToken cancellationToken)
    {
        var group = run.Value(_group);
        var start = _start.Read(run.Parse, group, run.Value(_untilEnd));
        var formatter = _output.Read(run.Parse, run.Settings.Json);
        var settings = new ConsumeSettings
        {
            Count = run.Value(_count),
            UntilEnd = run.Value(_untilEnd),
            IdleTimeout = run.Value(_idleTimeout),
            CommitInterval = run.Value(_commitInterval) ?? TimeSpan.FromSeconds(1),
        };
        var topics = run.Value(_topics).Distinct(StringComparer.Ordinal).ToArray();
        var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
        foreach (var topic in topics)
            await TopicCheck.RequireAsync(client.Admin, topic, start.Partition, cancellationToken).ConfigureAwait(false);

        var session = new ConsumeSession(client, settings, run.Host, new RecordOutput(run.Host.Output), formatter);
        await using (session.ConfigureAwait(false))
        {
            if (group is null)
                await session.AssignAsync(topics, start, cancellationToken).ConfigureAwait(false);
            else
                session.Subscribe(topics, group, run.Value(_instance), run.Value(_assignor), start);
            var shown = run.Host is { ErrorIsTerminal: true, OutputIsTerminal: false } ? run.Error : null;
            ConsumeResult result;
            await using (ProgressLine.Start(shown, run.Host.Time, session.Progress).ConfigureAwait(false))
                result = await session.RunAsync(cancellationToken).ConfigureAwait(false);
            return Report(run, result, shown is not null);
        }
    }

    private static int Report(CommandRun run, ConsumeResult result, bool shown)
    {
        if (shown || run.Settings.Verbose)
        {
            var seconds = Math.Max(result.Elapsed.TotalSeconds, 0.000_001);
            run.Error.WriteLine(
                $"{Quantity.Count(result.Records)} records in {Quantity.Duration(result.Elapsed)}: {Quantity.Count(result.Records / seconds)} records/s");
        }

        if (result.CommitFailure is { } failure)
        {
            var error = failure is OrleansLogException known ? known.Error : ErrorCode.UnknownServerError;
            run.Error.WriteLine(
                $"orleanslog: {error}: the last offsets could not be committed, so their records will be read again: {failure.Message}");
            if (run.Settings.Verbose)
                run.Error.WriteLine(failure.ToString());
            return ExitCode.Failed;
        }

        return result.End == ConsumeEnd.Interrupted ? ExitCode.Interrupted : ExitCode.Ok;
    }
}
