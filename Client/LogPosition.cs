namespace OrleansLog.Client;

/// <summary>A place in a partition: where to start reading, or where to set a group's offset to.</summary>
public readonly record struct LogPosition
{
    private enum Kind
    {
        Beginning,
        End,
        Offset,
        Timestamp,
        Committed,
    }

    private readonly Kind _kind;
    private readonly long _value;

    private LogPosition(Kind kind, long value)
    {
        _kind = kind;
        _value = value;
    }

    /// <summary>The first record kept.</summary>
    public static LogPosition Beginning => default;

    /// <summary>After the last committed record there is at the time of the call.</summary>
    public static LogPosition End => new(Kind.End, 0);

    /// <summary>The group's committed offset, or, without one, what the offset reset policy says.</summary>
    public static LogPosition Committed => new(Kind.Committed, 0);

    /// <summary>An offset, from 0.</summary>
    public static LogPosition At(long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        return new LogPosition(Kind.Offset, offset);
    }

    /// <summary>The first record whose timestamp is not earlier than <paramref name="time"/>; the end when there is none.</summary>
    public static LogPosition AtTime(DateTimeOffset time) => new(Kind.Timestamp, Math.Max(0, time.ToUnixTimeMilliseconds()));

    internal bool IsCommitted => _kind == Kind.Committed;

    /// <summary>Whether this is an offset already; otherwise the leader must be asked.</summary>
    internal bool TryGetOffset(out long offset)
    {
        offset = _kind == Kind.Offset ? _value : -1;
        return offset >= 0;
    }

    /// <summary>What <c>ListOffsets</c> is to be asked for.</summary>
    internal long Timestamp => _kind switch
    {
        Kind.Beginning => Grains.Interfaces.OffsetSpec.Earliest,
        Kind.End => Grains.Interfaces.OffsetSpec.Latest,
        Kind.Timestamp => _value,
        _ => throw new InvalidOperationException($"The position '{this}' is not found by time."),
    };

    /// <inheritdoc />
    public override string ToString() => _kind switch
    {
        Kind.Beginning => "beginning",
        Kind.End => "end",
        Kind.Committed => "committed",
        Kind.Offset => _value.ToString(System.Globalization.CultureInfo.InvariantCulture),
        _ => DateTimeOffset.FromUnixTimeMilliseconds(_value).ToString("O", System.Globalization.CultureInfo.InvariantCulture),
    };
}
