namespace OrleansLog.Engine.Replication;

/// <summary>
/// Who replicates a partition and who leads it. It is changed only by a compare-and-set on what is stored; the one who
/// succeeds hands the new state to <see cref="PartitionLeader"/>.
/// </summary>
/// <param name="LeaderEpoch">Raised with every change of leader, from 0; never falls.</param>
/// <param name="Leader">Node id of the leader.</param>
/// <param name="Isr">Node ids of the in-sync replicas, the leader among them.</param>
/// <param name="Replicas">Node ids of all replicas, the preferred leader first.</param>
public sealed record PartitionState(int LeaderEpoch, int Leader, IReadOnlyList<int> Isr, IReadOnlyList<int> Replicas)
{
    /// <summary>
    /// Raised with every stored change of whatever kind, from 0. The in-sync replicas may come back to what they were; a
    /// compare-and-set that only looked at them would let a late call of the same leader through.
    /// </summary>
    public int Version { get; init; }

    /// <summary>The state of a partition whose only replica is <paramref name="nodeId"/>.</summary>
    public static PartitionState Single(int nodeId, int leaderEpoch) => new(leaderEpoch, nodeId, [nodeId], [nodeId]);
}
