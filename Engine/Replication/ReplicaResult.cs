namespace OrleansLog.Engine.Replication;

/// <summary>How a replica answers its leader.</summary>
public enum ReplicaResult
{
    /// <summary>Done.</summary>
    Ok,

    /// <summary>The replica knows a greater epoch, which the answer names: the caller leads no more.</summary>
    FencedEpoch,

    /// <summary>The session is not the replica's current one, or was not aligned yet: begin the term again.</summary>
    StaleSession,

    /// <summary>The records do not begin where the replica's log ends, which the answer names: begin the term again.</summary>
    Mismatch,

    /// <summary>The replica cannot write or make durable now (its disk failed, or it is being closed).</summary>
    Unavailable,

    /// <summary>The records arrived damaged, and nothing was appended: send them again.</summary>
    Corrupt,
}
