using System.CommandLine;
using OrleansLog.Cli.Parsing;
using OrleansLog.Client;

namespace OrleansLog.Cli.Consume;

/// <summary>Where to start reading.</summary>
/// <param name="Position">The position; in a group only the beginning or the end, for partitions without a committed offset.</param>
/// <param name="Partition">The only partition to read; null for all.</param>
/// <param name="IsOffset">Whether the position is an offset that was asked for: then no other will do.</param>
internal readonly record struct ConsumeStart(LogPosition Position, int? Partition, bool IsOffset);

/// <summary>The options that say where to start.</summary>
internal sealed class ConsumeStartOptions
{
    private readonly Option<bool> _fromBeginning = new("--from-beginning", "-B")
    {
        Description = "Start at the first record kept. In a group: where nothing is committed yet.",
    };

    private readonly Option<long?> _offset = ParsedOption.CreateNumber(
        "--offset", 0, long.MaxValue, "Start at this offset of --partition.");

    private readonly Option<long?> _fromTime;
    private readonly Option<long?> _partition = ParsedOption.CreateNumber("--partition", 0, int.MaxValue, "Read this partition only.");

    /// <param name="time">The clock that <c>-15m</c> refers to.</param>
    public ConsumeStartOptions(TimeProvider time)
    {
        _fromTime = ParsedOption.Create<long?>(
            "--from-time",
            text => PointInTime.TryParse(text, time.GetUtcNow(), out var timestampMs)
                ? timestampMs
                : throw new FormatException($"'{text}' is not {PointInTime.Forms}."),
            $"Start at the first record not older than {PointInTime.Forms}.");
        _fromTime.HelpName = "time";
        _offset.Aliases.Add("-o");
        _partition.Aliases.Add("-p");
    }

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_fromBeginning);
        command.Add(_offset);
        command.Add(_fromTime);
        command.Add(_partition);
    }

    /// <summary>What was given.</summary>
    /// <exception cref="UsageException">The options contradict each other.</exception>
    public ConsumeStart Read(ParseResult parse, string? group, bool untilEnd)
    {
        var fromBeginning = parse.GetValue(_fromBeginning);
        var offset = parse.GetValue(_offset);
        var fromTime = parse.GetValue(_fromTime);
        var partition = (int?)parse.GetValue(_partition);
        if ((fromBeginning ? 1 : 0) + (offset is null ? 0 : 1) + (fromTime is null ? 0 : 1) > 1)
            throw new UsageException("Give one of --from-beginning, --offset and --from-time.");
        if (group is not null && (offset is not null || fromTime is not null || partition is not null))
            throw new UsageException(
                $"With --group the group decides what is read and from where: leave --offset, --from-time and --partition out, or use `orleanslog group reset {group}`.");
        if (offset is not null && partition is null)
            throw new UsageException("--offset needs --partition: each partition has offsets of its own.");
        // Until the end, from the end, would be nothing at all.
        var position = offset is not null ? LogPosition.At(offset.Value)
            : fromTime is not null ? LogPosition.AtTime(DateTimeOffset.FromUnixTimeMilliseconds(fromTime.Value))
            : fromBeginning || untilEnd ? LogPosition.Beginning
            : LogPosition.End;
        return new ConsumeStart(position, partition, offset is not null);
    }
}
