namespace OrleansLog.Engine.Storage;

/// <summary>A record's timestamp and offset.</summary>
/// <param name="TimestampMs">Milliseconds since the Unix epoch; -1 when nothing carries a timestamp.</param>
/// <param name="Offset">Offset of the record; -1 for none.</param>
public readonly record struct TimestampOffset(long TimestampMs, long Offset)
{
    /// <summary>No record.</summary>
    public static TimestampOffset None { get; } = new(-1, -1);
}
