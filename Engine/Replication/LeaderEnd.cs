namespace OrleansLog.Engine.Replication;

/// <summary>Why a leader leads no more.</summary>
public enum LeaderEndReason
{
    /// <summary>Its owner closed it.</summary>
    Closed,

    /// <summary>A newer epoch is known, or the stored state is another's.</summary>
    Fenced,

    /// <summary>Its own log is damaged below its end: another replica must lead, and this one be repaired.</summary>
    Damaged,

    /// <summary>Its disk failed.</summary>
    Offline,
}

/// <summary>The end of a leader's term.</summary>
/// <param name="Reason">Why.</param>
/// <param name="KnownEpoch">The greatest leader epoch that is known.</param>
/// <param name="Message">The same for people.</param>
public sealed record LeaderEnd(LeaderEndReason Reason, int KnownEpoch, string Message);
