namespace OrleansLog.Engine.Replication;

/// <summary>
/// Who replicates a partition and who leads it. It is changed only by a compare-and-set on what is stored; the one who
/// succeeds hands the new state to <see cref="PartitionLeader"/>.
/// </summary>
/// <param name="LeaderEpoch">Raised with every change of leader, from 0; never falls.</param>
/// <param name="Leader">Node id of the leader.</param>
/// <param name="Isr">Node ids of the in-sync replicas, the leader among them.</param>
/// <param name="Replicas">Node ids of all replicas, the preferred leader first; while they are being reassigned, those that come and
/// those that go.</param>
public sealed record PartitionState(int LeaderEpoch, int Leader, IReadOnlyList<int> Isr, IReadOnlyList<int> Replicas)
{
    /// <summary>
    /// Raised with every stored change of whatever kind, from 0. The in-sync replicas may come back to what they were; a
    /// compare-and-set that only looked at them would let a late call of the same leader through.
    /// </summary>
    public int Version { get; init; }

    /// <summary>While the replicas are being reassigned: what they were before; otherwise empty.</summary>
    public IReadOnlyList<int> Former { get; init; } = [];

    /// <summary>While the replicas are being reassigned: what they are to be, the preferred leader first; otherwise empty.</summary>
    public IReadOnlyList<int> Target { get; init; } = [];

    /// <summary>Whether the replicas are being reassigned; see <see cref="Reassignment"/>.</summary>
    public bool IsReassigning => Target.Count > 0;

    /// <summary>The replicas that a running reassignment adds.</summary>
    public IEnumerable<int> Adding => Target.Except(Former);

    /// <summary>The replicas that a running reassignment takes away in the end.</summary>
    public IEnumerable<int> Removing => IsReassigning ? Replicas.Except(Target) : [];

    /// <summary>The state of a partition whose only replica is <paramref name="nodeId"/>.</summary>
    public static PartitionState Single(int nodeId, int leaderEpoch) => new(leaderEpoch, nodeId, [nodeId], [nodeId]);
}
