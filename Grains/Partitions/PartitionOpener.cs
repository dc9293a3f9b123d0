using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Storage;
using OrleansLog.Grains.Topics;
using OrleansLog.Records;

namespace OrleansLog.Grains.Partitions;

/// <summary>
/// Takes office for a partition on this node. In this order, so that a failure leaves nothing behind: the topic must know the
/// partition and name this node among its replicas; its log is opened; the leader epoch is raised in the store; the leader
/// begins. Used on the partition's turns; keeps nothing.
/// </summary>
internal sealed class PartitionOpener(
    OpenLogs logs,
    LocalNode node,
    TopicDefaults defaults,
    IGrainFactory grains,
    IOptions<OrleansLogOptions> options,
    TimeProvider time,
    ILogger<PartitionLeader> logger)
{
    /// <summary>Opens the partition and raises its epoch.</summary>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition; NotLeaderOrFollower: it is another node's;
    /// KafkaStorageError.</exception>
    /// <exception cref="Orleans.Storage.InconsistentStateException">Another activation took office meanwhile.</exception>
    public async Task<OpenPartition> OpenAsync(TopicPartition partition, Durable<PartitionOffice> office)
    {
        var topic = await grains.GetTopic(partition.Topic).Describe();
        var replicas = FindReplicas(partition, topic);
        var lease = await logs.AcquireAsync(partition, topic.Id, defaults.ConfigOf(topic.Overrides), CancellationToken.None);
        try
        {
            var log = lease.Log;
            if (log.Offline is { } offline) throw new OrleansLogException(offline.Error, offline.Message, offline);
            var won = await office.UpdateAsync(before => new PartitionOffice
            {
                TopicId = topic.Id,
                // The log knows of a later epoch when the metadata is older than the data.
                LeaderEpoch = Math.Max(before.LeaderEpoch, log.LatestEpoch) + 1,
                Leader = node.NodeId,
                InSyncReplicas = [node.NodeId],
                Replicas = replicas,
            });
            var state = new PartitionState(won.LeaderEpoch, won.Leader, won.InSyncReplicas, won.Replicas);
            var bounds = new PartitionLeaderOptions { MaxReadBytes = options.Value.MaxFetchBytes };
            return new OpenPartition(topic.IsInternal, lease, new PartitionLeader(log, state, node.NodeId, time, bounds, logger));
        }
        catch
        {
            await lease.DisposeAsync();
            throw;
        }
    }

    private int[] FindReplicas(TopicPartition partition, TopicDescription topic)
    {
        if (partition.Partition >= topic.Partitions.Count)
        {
            throw new OrleansLogException(
                ErrorCode.UnknownTopicOrPartition,
                $"The topic '{topic.Name}' has no partition {partition.Partition}; it has {topic.Partitions.Count}, from 0.");
        }

        int[] replicas = [.. topic.Partitions[partition.Partition].Replicas];
        if (replicas.Contains(node.NodeId)) return replicas;
        throw new OrleansLogException(
            ErrorCode.NotLeaderOrFollower,
            $"{partition} is not on node {node.NodeId}; its replicas are on: {string.Join(", ", replicas)}.");
    }
}
