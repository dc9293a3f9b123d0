namespace OrleansLog.Engine.Replication;

/// <summary>What a follower does with its log before a session's first records.</summary>
public enum ReplicaAlignment
{
    /// <summary>Nothing: the session is aligned already.</summary>
    None,

    /// <summary>Removes what lies at or after the base offset. Carries no records; the first request of a session.</summary>
    Truncate,

    /// <summary>Removes everything and goes on at the base offset. Carries no records; the first request of a session.</summary>
    Restart,
}

/// <summary>A leader's push to a follower.</summary>
/// <param name="LeaderEpoch">The leader's epoch.</param>
/// <param name="Session">The session, as <see cref="FollowerLogState.Session"/> named it.</param>
/// <param name="Alignment">What to do before the records; anything but None happens once a session.</param>
/// <param name="BaseOffset">Where the follower's log must end for the records to be appended, or is made to end.</param>
/// <param name="Records">Whole batches, maybe none; the leader's memory until the call has ended.</param>
/// <param name="Seal">A check over the parts of the records that no CRC covers; to be handed on as it is.</param>
/// <param name="HighWatermark">The leader's high watermark.</param>
/// <param name="LogStartOffset">The leader's log start offset, which the follower follows.</param>
public sealed record ReplicateRequest(
    int LeaderEpoch,
    long Session,
    ReplicaAlignment Alignment,
    long BaseOffset,
    ReadOnlyMemory<byte> Records,
    long Seal,
    long HighWatermark,
    long LogStartOffset);
