namespace OrleansLog.Engine.Replication;

/// <summary>Where the state of a partition is stored: compare-and-set of the replicas, in sync or not, by the leader of the epoch.</summary>
public interface IPartitionStateStore
{
    /// <summary>
    /// Stores <paramref name="next"/>, provided that the stored state has <paramref name="expected"/>'s leader epoch and
    /// <see cref="PartitionState.Version"/>. Answers what is stored then. When the epoch is the
    /// expected one but the version is not (an earlier call took effect though its answer was lost, or there was another
    /// change), nothing is stored and the answer is the stored state: the leader looks at it and decides anew. A call that the
    /// leader gave up may still take effect.
    /// </summary>
    /// <param name="expected">The state that the leader knows.</param>
    /// <param name="next">A state of the same epoch and leader, of the version after.</param>
    /// <param name="cancellationToken">Gives the attempt up.</param>
    /// <exception cref="OrleansLog.Records.OrleansLogException">FencedLeaderEpoch or NotLeaderOrFollower: the stored state has
    /// another epoch or leader, and the caller leads no more. Any other exception: not known, the leader tries again.</exception>
    Task<PartitionState> ChangeAsync(PartitionState expected, PartitionState next, CancellationToken cancellationToken);
}
