using OrleansLog.Engine.Replication;
using OrleansLog.Engine.Storage;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Replicas;

namespace OrleansLog.Grains.Partitions;

/// <summary>A partition that this activation leads: its open log and the leader on it.</summary>
/// <param name="Topic">The topic, as it was when this was opened.</param>
/// <param name="IsFromMemory">Whether the topic was not asked, but remembered.</param>
/// <param name="FirstState">The state in which office was taken.</param>
/// <param name="Lease">The use of the replica of this node.</param>
/// <param name="Leader">The leader of the epoch that this activation raised.</param>
/// <param name="Replicas">Where it is noted as being in office.</param>
internal sealed record OpenPartition(
    TopicDescription Topic, bool IsFromMemory, PartitionState FirstState, ReplicaLease Lease, PartitionLeader Leader, NodeReplicas Replicas)
    : IAsyncDisposable
{
    /// <summary>Whether the cluster keeps its own state in it.</summary>
    public bool IsInternal => Topic.IsInternal;

    /// <summary>The log.</summary>
    public PartitionLog Log => Lease.Log;

    /// <summary>Lays the office down and lets the log go.</summary>
    public async ValueTask DisposeAsync()
    {
        Replicas.Leave(Leader);
        Leader.Close();
        await Leader.StopAsync();
        await Lease.DisposeAsync();
    }
}
