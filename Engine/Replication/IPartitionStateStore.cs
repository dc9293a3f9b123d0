namespace OrleansLog.Engine.Replication;

/// <summary>Where the state of a partition is stored: compare-and-set of the in-sync replicas by the leader of the epoch.</summary>
public interface IPartitionStateStore
{
    /// <summary>
    /// Stores other in-sync replicas, provided that the stored state has <paramref name="expected"/>'s leader epoch and
    /// <see cref="PartitionState.Version"/>; the version rises by one with it. Answers what is stored then. When the epoch is the
    /// expected one but the version is not (an earlier call took effect though its answer was lost, or the replicas were
    /// changed), nothing is stored and the answer is the stored state: the leader looks at it and decides anew. The leader makes
    /// one call at a time, but one that it gave up may still take effect.
    /// </summary>
    /// <exception cref="OrleansLog.Records.OrleansLogException">FencedLeaderEpoch or NotLeaderOrFollower: the stored state has
    /// another epoch or leader, and the caller leads no more. Any other exception: not known, the leader tries again.</exception>
    Task<PartitionState> ChangeIsrAsync(PartitionState expected, IReadOnlyList<int> isr, CancellationToken cancellationToken);
}
