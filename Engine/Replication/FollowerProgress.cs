namespace OrleansLog.Engine.Replication;

/// <summary>
/// What the leader knows of one follower. Changed under the lock of the <see cref="PartitionLeader"/> that owns it.
/// </summary>
internal sealed class FollowerProgress(int nodeId, DateTimeOffset since)
{
    /// <summary>Node id of the follower.</summary>
    public int NodeId { get; } = nodeId;

    /// <summary>The follower holds the leader's records before this offset, durably unless the topic is relaxed; -1 when it has
    /// not been heard of.</summary>
    public long MatchOffset { get; private set; } = -1;

    /// <summary>When it last held all that the leader had.</summary>
    public DateTimeOffset LastCaughtUp { get; private set; } = since;

    /// <summary>Notes how far the follower has come; an older report that arrives late changes nothing.</summary>
    public void Report(long matchOffset, long leaderEndOffset, DateTimeOffset now)
    {
        MatchOffset = Math.Max(MatchOffset, matchOffset);
        if (matchOffset >= leaderEndOffset) LastCaughtUp = now;
    }
}
