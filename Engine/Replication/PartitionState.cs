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

    /// <summary>
    /// Replicas that left the ISR when that fell below <c>min.insync.replicas</c>, under this leader. As long as there are some, nothing
    /// is committed, so they hold all that is, and one of them may lead when nobody in sync can. After Kafka's eligible leader
    /// replicas (KIP-966), which last beyond an election.
    /// </summary>
    public IReadOnlyList<int> Eligible { get; init; } = [];

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

    /// <summary>
    /// This state with other replicas in sync. When they are fewer than <paramref name="minInSync"/>, those that were in sync or eligible
    /// before and did not lose anything are <see cref="Eligible"/>; otherwise nobody is.
    /// </summary>
    /// <param name="isr">Node ids of the in-sync replicas.</param>
    /// <param name="minInSync">See <see cref="Storage.LogConfig.EligibleBelow"/>.</param>
    /// <param name="lost">Node ids of replicas that may lack something.</param>
    public PartitionState WithIsr(IReadOnlyList<int> isr, int minInSync, IReadOnlySet<int>? lost = null)
    {
        ArgumentNullException.ThrowIfNull(isr);
        var isEnough = isr.Count >= Math.Min(minInSync, IsReassigning ? Target.Count : Replicas.Count);
        int[] eligible = isEnough
            ? []
            : [.. Replicas.Where(node => !isr.Contains(node) && (Isr.Contains(node) || Eligible.Contains(node)) && lost?.Contains(node) != true)];
        return isr.SequenceEqual(Isr) && eligible.SequenceEqual(Eligible) ? this : this with { Isr = isr, Eligible = eligible };
    }

    /// <summary>The state of a partition whose only replica is <paramref name="nodeId"/>.</summary>
    public static PartitionState Single(int nodeId, int leaderEpoch) => new(leaderEpoch, nodeId, [nodeId], [nodeId]);
}
