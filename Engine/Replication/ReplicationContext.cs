namespace OrleansLog.Engine.Replication;

/// <summary>What a <see cref="PartitionLeader"/> needs in order to have followers.</summary>
public sealed record ReplicationContext
{
    /// <summary>Makes the link to the replica on a node; called once a node and term.</summary>
    public required Func<int, IReplicaLink> Links { get; init; }

    /// <summary>Where the in-sync replicas are stored.</summary>
    public required IPartitionStateStore Store { get; init; }

    /// <summary>
    /// The high watermark that this node knew as a follower (<see cref="PartitionFollower.HighWatermark"/>); -1 for none. The new
    /// leader serves up to there at once, and beyond it what its in-sync replicas hold.
    /// </summary>
    public long KnownHighWatermark { get; init; } = -1;

    /// <summary>Bounds.</summary>
    public ReplicationOptions Options { get; init; } = ReplicationOptions.Default;

    /// <summary>Slows down what followers that are not in sync are sent; null for no limit. Shared by all leaders of a node.</summary>
    public CatchUpThrottle? Throttle { get; init; }

    /// <summary>
    /// Slows down what replicas are sent that a reassignment adds, besides <see cref="Throttle"/>: they are in no hurry, as those are
    /// that make up for a failure. Null for no limit. Shared by all leaders of a node.
    /// </summary>
    public CatchUpThrottle? ReassignmentThrottle { get; init; }

    /// <summary>Has followers told of the high watermark; shared by all leaders of a node. Null for one of the leader's own.</summary>
    public WatermarkTells? Tells { get; init; }
}
