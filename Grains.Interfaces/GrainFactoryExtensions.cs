using OrleansLog.Records;

namespace OrleansLog.Grains.Interfaces;

/// <summary>Finds the grains of the log by the names of the things they stand for.</summary>
public static class GrainFactoryExtensions
{
    /// <summary>The catalog of the cluster.</summary>
    public static ICatalogGrain GetCatalog(this IGrainFactory grains) => grains.GetGrain<ICatalogGrain>(0);

    /// <summary>A topic; it need not exist.</summary>
    public static ITopicGrain GetTopic(this IGrainFactory grains, string topic) => grains.GetGrain<ITopicGrain>(topic);

    /// <summary>The leader of a partition; it need not exist.</summary>
    public static IPartitionGrain GetPartition(this IGrainFactory grains, TopicPartition partition) =>
        grains.GetGrain<IPartitionGrain>(PartitionKey.Format(partition));

    /// <summary>The replica of a partition on one node; it need not exist.</summary>
    public static IReplicaGrain GetReplica(this IGrainFactory grains, TopicPartition partition, int nodeId) =>
        grains.GetGrain<IReplicaGrain>(ReplicaKey.Format(partition, nodeId));

    /// <summary>A node; it need not run.</summary>
    public static INodeGrain GetNode(this IGrainFactory grains, int nodeId) => grains.GetGrain<INodeGrain>(nodeId);

    /// <summary>What proposes where replicas should be.</summary>
    public static ITopologyGrain GetTopology(this IGrainFactory grains) => grains.GetGrain<ITopologyGrain>(0);

    /// <summary>A consumer group; it need not exist.</summary>
    public static IConsumerGroupGrain GetConsumerGroup(this IGrainFactory grains, string groupId) =>
        grains.GetGrain<IConsumerGroupGrain>(groupId);
}
