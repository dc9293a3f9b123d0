using System.Globalization;

namespace OrleansLog.Cli.Groups;

/// <summary>Where a group's offsets are to be set.</summary>
/// <param name="Kind">What <paramref name="Value"/> means.</param>
/// <param name="Value">The offset, the time in milliseconds since the Unix epoch, or the distance.</param>
internal readonly record struct OffsetReset(OffsetResetKind Kind, long Value = 0)
{
    /// <summary>
    /// The offset that a partition gets. It always lies between <paramref name="state"/>'s start and end: outside, the next
    /// consumer would be thrown to wherever its reset policy says.
    /// </summary>
    /// <exception cref="FormatException">There is no committed offset to shift.</exception>
    public long Apply(in PartitionOffsets state)
    {
        var wanted = Kind switch
        {
            OffsetResetKind.Earliest => state.Start,
            OffsetResetKind.Latest => state.End,
            OffsetResetKind.Time => state.AtTime < 0 ? state.End : state.AtTime,
            OffsetResetKind.Offset => Value,
            _ when state.Committed < 0 => throw new FormatException(
                $"{state.Partition} has no committed offset that could be shifted: use --to-earliest, --to-latest, --to-offset or --to-time."),
            _ => Saturate(state.Committed, Value),
        };
        return Math.Clamp(wanted, state.Start, state.End);
    }

    private static long Saturate(long offset, long shift) => (long)Math.Clamp((decimal)offset + shift, 0, long.MaxValue);

    /// <inheritdoc/>
    public override string ToString() => Kind switch
    {
        OffsetResetKind.Earliest => "to the earliest offsets",
        OffsetResetKind.Latest => "to the latest offsets",
        OffsetResetKind.Time => string.Create(
            CultureInfo.InvariantCulture, $"to {DateTimeOffset.FromUnixTimeMilliseconds(Value):yyyy-MM-dd'T'HH:mm:ss.fff'Z'}"),
        OffsetResetKind.Offset => string.Create(CultureInfo.InvariantCulture, $"to offset {Value}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"by {Value:+0;-0;0}"),
    };
}

/// <summary>Ways to set a group's offsets.</summary>
internal enum OffsetResetKind
{
    /// <summary>The first record kept.</summary>
    Earliest,

    /// <summary>The end.</summary>
    Latest,

    /// <summary>An offset.</summary>
    Offset,

    /// <summary>The first record that is not older than a time.</summary>
    Time,

    /// <summary>So many records after (or, negative, before) the committed offset.</summary>
    Shift,
}
