using System.CommandLine;
using OrleansLog.Cli.Parsing;

namespace OrleansLog.Cli.Groups;

/// <summary>The options that say where to reset a group to; one of them is given.</summary>
internal sealed class OffsetResetOptions
{
    private readonly Option<bool> _earliest = new("--to-earliest") { Description = "To the first record kept." };
    private readonly Option<bool> _latest = new("--to-latest") { Description = "To the end." };
    private readonly Option<long?> _offset = ParsedOption.CreateNumber(
        "--to-offset", 0, long.MaxValue, "To an offset, or the nearest one there is.");
    private readonly Option<long?> _shift = ParsedOption.CreateNumber(
        "--shift-by", long.MinValue, long.MaxValue, "So many offsets on from the committed one; negative: back. Write --shift-by=-10.");
    private readonly Option<long?> _time;

    /// <param name="time">The clock that <c>-15m</c> refers to.</param>
    public OffsetResetOptions(TimeProvider time)
    {
        _time = ParsedOption.Create<long?>(
            "--to-time",
            text => PointInTime.TryParse(text, time.GetUtcNow(), out var timestampMs)
                ? timestampMs
                : throw new FormatException($"'{text}' is not {PointInTime.Forms}."),
            $"To the first record not older than {PointInTime.Forms}.");
        _time.HelpName = "time";
    }

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_earliest);
        command.Add(_latest);
        command.Add(_offset);
        command.Add(_time);
        command.Add(_shift);
        command.Validators.Add(result =>
        {
            var given = command.Options.Count(option =>
                (option == _earliest || option == _latest || option == _offset || option == _time || option == _shift)
                && result.GetResult(option) is { Implicit: false });
            if (given != 1)
                result.AddError("Give one of --to-earliest, --to-latest, --to-offset, --to-time and --shift-by.");
        });
    }

    /// <summary>What was given.</summary>
    public OffsetReset Read(ParseResult parse) => parse switch
    {
        _ when parse.GetValue(_earliest) => new OffsetReset(OffsetResetKind.Earliest),
        _ when parse.GetValue(_latest) => new OffsetReset(OffsetResetKind.Latest),
        _ when parse.GetValue(_offset) is { } offset => new OffsetReset(OffsetResetKind.Offset, offset),
        _ when parse.GetValue(_time) is { } time => new OffsetReset(OffsetResetKind.Time, time),
        _ => new OffsetReset(OffsetResetKind.Shift, parse.GetValue(_shift) ?? 0),
    };
}
