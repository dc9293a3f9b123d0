namespace OrleansLog.Tests.Simulation;

/// <summary>Known bugs of replicated logs, which the simulation must find when they are put in.</summary>
public enum Mutation
{
    None = 0,

    /// <summary>A follower truncates to its high watermark instead of to where the epochs diverge (Kafka before KIP-101).</summary>
    TruncateToHighWatermark = 1,

    /// <summary>A follower acknowledges before its fsync.</summary>
    AcknowledgeBeforeFsync = 2,

    /// <summary>The store lets a stale leader change the in-sync replicas.</summary>
    StaleLeaderShrinksIsr = 3,

    /// <summary>A new leader appends without looking at producers' sequence numbers.</summary>
    NoSequenceCheckAfterFailover = 4,

    /// <summary>Reads are served beyond the high watermark.</summary>
    ServeBeyondHighWatermark = 5,

    /// <summary>A leader commits alone while replicas that left the ISR may be elected.</summary>
    CommitWhileOthersAreEligible = 6,
}
