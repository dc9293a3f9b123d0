using OrleansLog.Records;

namespace OrleansLog.Grains.Interfaces;

/// <summary>
/// What a silo knows of the cluster: who it is, which nodes run, who leads what. A service of every silo with the log. What can be
/// answered from memory is; nothing here opens a partition, unless it says so. Thread-safe.
/// </summary>
public interface IClusterView
{
    /// <summary>The id of the cluster.</summary>
    string ClusterId { get; }

    /// <summary>The number of this node.</summary>
    int NodeId { get; }

    /// <summary>The nodes that run and have a Kafka listener, ordered by id.</summary>
    IReadOnlyList<KafkaBroker> Brokers { get; }

    /// <summary>Settings of this node by Kafka's names, for people to look at.</summary>
    IReadOnlyDictionary<string, string> Settings { get; }

    /// <summary>What this node keeps on its disk. It looks there.</summary>
    NodeStorage DescribeStorage();

    /// <summary>Waits until this node is among those that run, as far as it knows itself, which is a moment after it does.</summary>
    Task WhenActiveAsync(CancellationToken cancellationToken);

    /// <summary>Whether this node is in office for the partition at the moment.</summary>
    bool Leads(TopicPartition partition);

    /// <summary>The leader of the partition when it is in office on this node; otherwise null.</summary>
    ILocalLeader? FindLocal(TopicPartition partition);

    /// <summary>The node that leads a partition or, while nobody does, is to; -1 when none that could runs.</summary>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition; KafkaStorageError: who leads cannot be read.</exception>
    Task<int> FindLeaderAsync(TopicPartition partition);

    /// <summary>The node that coordinates a consumer group, or is to.</summary>
    /// <exception cref="OrleansLogException">LeaderNotAvailable, KafkaStorageError, and whatever keeps the topic of offsets from
    /// being made.</exception>
    Task<int> FindCoordinatorAsync(string groupId);

    /// <summary>
    /// The topics there are now; or, while the catalog is not to be reached, those that this node has heard of.
    /// </summary>
    /// <exception cref="OrleansLogException">RequestTimedOut: it was not reached for 10 s, and this node has heard of none.</exception>
    Task<TopicIndex> GetTopicsAsync();

    /// <summary>The partitions of a topic: replicas, who leads, in which epoch, who is in sync.</summary>
    /// <param name="topic">The topic, as listed.</param>
    /// <param name="lead">Whether to have partitions led that nobody has ever led.</param>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition: it was deleted meanwhile.</exception>
    Task<IReadOnlyList<PartitionLeadership>> DescribePartitionsAsync(TopicListing topic, bool lead);
}
