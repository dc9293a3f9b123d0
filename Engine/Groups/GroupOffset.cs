namespace OrleansLog.Engine.Groups;

/// <summary>A committed offset.</summary>
/// <param name="Offset">The offset of the next record to read, from 0.</param>
/// <param name="LeaderEpoch">The leader epoch of the last record read; -1 when not known.</param>
/// <param name="Metadata">The consumer's own words.</param>
/// <param name="CommitTimestampMs">When it was committed, milliseconds since the Unix epoch.</param>
/// <param name="ExpireTimestampMs">When it expires, if an old client said so; -1 for the group's retention.</param>
/// <param name="TopicId">The id of the topic it was committed for: the offset means nothing for another topic of the same name.
/// <see cref="Guid.Empty"/> when not known.</param>
public sealed record GroupOffset(
    long Offset, int LeaderEpoch, string Metadata, long CommitTimestampMs, long ExpireTimestampMs = -1, Guid TopicId = default);
