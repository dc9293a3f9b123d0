using OrleansLog.Engine.Replication;

namespace OrleansLog.Grains.Partitions;

/// <summary>
/// Who leads a partition, as stored; changed by compare-and-set only. Whoever raises <see cref="LeaderEpoch"/> is in office
/// until somebody else does. What an older version stored lacks fields, and is read with null for them.
/// </summary>
internal sealed record PartitionOffice
{
    /// <summary>The topic this belongs to; empty when nobody has led the partition yet.</summary>
    public Guid TopicId { get; init; }

    /// <summary>The epoch of the present leader; -1 before the first.</summary>
    public int LeaderEpoch { get; init; } = -1;

    /// <summary>Raised with every change.</summary>
    public int Version { get; init; }

    /// <summary>Node id of the leader; -1 before the first.</summary>
    public int Leader { get; init; } = -1;

    /// <summary>Node ids of the replicas in sync.</summary>
    public int[] InSyncReplicas { get; init => field = value ?? []; } = [];

    /// <summary>Node ids of replicas that are not in sync and may lead all the same; see <see cref="PartitionState.Eligible"/>.</summary>
    public int[] EligibleReplicas { get; init => field = value ?? []; } = [];

    /// <summary>Node ids of all replicas, the preferred leader first.</summary>
    public int[] Replicas { get; init => field = value ?? []; } = [];

    /// <summary>While the replicas are being reassigned: what they were before; otherwise empty.</summary>
    public int[] FormerReplicas { get; init => field = value ?? []; } = [];

    /// <summary>While the replicas are being reassigned: what they are to be; otherwise empty.</summary>
    public int[] TargetReplicas { get; init => field = value ?? []; } = [];

    /// <summary>The state as the engine knows it.</summary>
    public PartitionState ToState() => new(LeaderEpoch, Leader, InSyncReplicas, Replicas)
    {
        Version = Version, Eligible = EligibleReplicas, Former = FormerReplicas, Target = TargetReplicas,
    };

    /// <summary>This office with another state.</summary>
    public PartitionOffice With(PartitionState state) => this with
    {
        LeaderEpoch = state.LeaderEpoch,
        Version = state.Version,
        Leader = state.Leader,
        InSyncReplicas = [.. state.Isr],
        EligibleReplicas = [.. state.Eligible],
        Replicas = [.. state.Replicas],
        FormerReplicas = [.. state.Former],
        TargetReplicas = [.. state.Target],
    };
}
