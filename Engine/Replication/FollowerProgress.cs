namespace OrleansLog.Engine.Replication;

/// <summary>
/// What the leader knows of one follower. Changed under the state lock of the <see cref="PartitionLeader"/> that owns it.
/// </summary>
internal sealed class FollowerProgress(int nodeId)
{
    private long _markOffset = -1;
    private long _markAt;

    /// <summary>Node id of the follower.</summary>
    public int NodeId { get; } = nodeId;

    /// <summary>The follower holds the leader's records before this offset, durably unless the topic is relaxed; -1 when it has
    /// not been heard of.</summary>
    public long MatchOffset { get; private set; } = -1;

    /// <summary>The high watermark that it has heard of in this session.</summary>
    public long KnownHighWatermark { get; set; } = -1;

    /// <summary>Whether its log was aligned with the leader's in the present session: only then may it join the ISR.</summary>
    public bool IsAligned { get; private set; }

    /// <summary>Whether its node is said to be dead.</summary>
    public bool IsDown { get; set; }

    /// <summary>Whether its node is about to stop.</summary>
    public bool IsLeaving { get; set; }

    /// <summary>The timestamp since which its calls have failed; null while they do not.</summary>
    public long? FailingSince { get; set; }

    /// <summary>A session has begun: what was known before does not count any more, the follower may have lost it.</summary>
    public void Begin(long matchOffset)
    {
        MatchOffset = matchOffset;
        KnownHighWatermark = -1;
        IsAligned = true;
        IsDown = false;
        FailingSince = null;
    }

    /// <summary>The session is over. What the follower holds, it still holds; but it cannot join now.</summary>
    public void End() => IsAligned = false;

    /// <summary>Notes how far the follower has come; an older report that arrives late changes nothing.</summary>
    public void Report(long matchOffset)
    {
        MatchOffset = Math.Max(MatchOffset, matchOffset);
        FailingSince = null;
    }

    /// <summary>
    /// The timestamp since which the follower has not had all that the leader had then; null when it has. A follower that is always
    /// a little behind a busy leader is not lagging: the mark moves on with it.
    /// </summary>
    public long? BehindSince(long leaderEndOffset, long now)
    {
        if (_markOffset <= MatchOffset)
        {
            if (MatchOffset >= leaderEndOffset) return null;
            (_markOffset, _markAt) = (leaderEndOffset, now);
        }

        return _markAt;
    }
}
