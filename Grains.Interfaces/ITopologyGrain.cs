using Orleans.Concurrency;

namespace OrleansLog.Grains.Interfaces;

/// <summary>
/// Proposes where replicas should be (any key). It looks at the nodes and at all topics, and changes nothing:
/// <see cref="ITopicGrain.Reassign"/> does. Replicas that are being moved count where they are going.
/// </summary>
[Alias("OrleansLog.ITopologyGrain")]
public interface ITopologyGrain : IGrainWithIntegerKey
{
    /// <summary>
    /// The fewest moves after which the nodes that run, and are not being drained, hold as many replicas as each other, give or take
    /// one, the replicas of a partition are on as many racks as there are, and each node is preferred as leader about as often.
    /// </summary>
    [AlwaysInterleave, Alias("PlanBalance")]
    Task<IReadOnlyList<ReplicaMove>> PlanBalance();

    /// <summary>The moves that take all replicas from a node; none when it holds none.</summary>
    /// <exception cref="Records.OrleansLogException">InvalidReplicationFactor: topics would have fewer replicas than now; the message
    /// names them. InvalidRequest: there is no such node.</exception>
    [AlwaysInterleave, Alias("PlanDrain")]
    Task<IReadOnlyList<ReplicaMove>> PlanDrain(int nodeId);

    /// <summary>The moves after which each partition of a topic has so many replicas.</summary>
    /// <exception cref="Records.OrleansLogException">UnknownTopicOrPartition; InvalidReplicationFactor: not from 1 to the number of
    /// nodes that can take replicas.</exception>
    [AlwaysInterleave, Alias("PlanReplicationFactor")]
    Task<IReadOnlyList<ReplicaMove>> PlanReplicationFactor(string topic, int replicationFactor);

    /// <summary>How many replicas each node is to hold when all reassignments that run are over.</summary>
    [AlwaysInterleave, Alias("CountReplicas")]
    Task<IReadOnlyDictionary<int, int>> CountReplicas();

    /// <summary>All reassignments that run.</summary>
    [AlwaysInterleave, Alias("ListReassignments")]
    Task<IReadOnlyList<PartitionReassignment>> ListReassignments();
}
