using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Partitions;
using OrleansLog.Records;

namespace OrleansLog.Grains.Replicas;

/// <summary>How this node stands to a partition, by what is stored of it and what is here.</summary>
internal enum ReplicaStanding
{
    /// <summary>There is nothing to do: its replica is in sync, or none was ever made; or it is only being moved here, or nothing is
    /// known.</summary>
    Settled,

    /// <summary>Its replica is to be here, and is not in sync, or is said to be and is not whole: a leader has to look at it.</summary>
    Lagging,

    /// <summary>There is a folder of it, and its replicas are elsewhere.</summary>
    Elsewhere,
}

/// <summary>Says how this node stands to a partition. Thread-safe.</summary>
internal sealed class ReplicaStandings(StoredOffices offices, NodeReplicas replicas, LogHost host, LocalNode node)
{
    /// <summary>What it is now.</summary>
    /// <exception cref="OrleansLogException">KafkaStorageError: the store does not answer.</exception>
    public async Task<ReplicaStanding> FindAsync(TopicPartition partition)
    {
        var office = await offices.ReadAsync(partition);
        if (office.LeaderEpoch < 0 || office.Replicas.Length == 0) return ReplicaStanding.Settled;
        var isHere = host.Manager.ReadTopicId(partition) == office.TopicId;
        if (!office.Replicas.Contains(node.NodeId)) return isHere ? ReplicaStanding.Elsewhere : ReplicaStanding.Settled;
        var lasting = office.TargetReplicas.Length > 0 ? office.FormerReplicas : office.Replicas;
        // The only replica has nobody to be filled from.
        if (lasting.Length < 2 || !lasting.Contains(node.NodeId)) return ReplicaStanding.Settled;
        var isWhole = isHere && replicas.Find(partition) is not { Log.DamagedFrom: >= 0 };
        return isWhole && office.InSyncReplicas.Contains(node.NodeId) ? ReplicaStanding.Settled : ReplicaStanding.Lagging;
    }
}
