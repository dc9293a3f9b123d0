using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>How far a group has come in a partition.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="Offset">The committed offset: of the next record to read; -1 when a member owns the partition and nothing is
/// committed yet.</param>
/// <param name="HighWatermark">The partition's high watermark; -1 when the partition is gone.</param>
/// <param name="Metadata">The words committed with the offset.</param>
/// <param name="CommitTimestampMs">When it was committed, milliseconds since the Unix epoch; -1 when not known.</param>
/// <param name="MemberId">The member that owns the partition; null for none.</param>
/// <param name="ClientId">That member's name for people; null for none.</param>
public sealed record GroupOffset(
    TopicPartition Partition,
    long Offset,
    long HighWatermark,
    string Metadata,
    long CommitTimestampMs,
    string? MemberId,
    string? ClientId)
{
    /// <summary>Records that are committed in the partition and not yet in the group; null when either is not known.</summary>
    public long? Lag => Offset < 0 || HighWatermark < 0 ? null : Math.Max(0, HighWatermark - Offset);
}
