namespace OrleansLog.Grains.Interfaces;

/// <summary>What a new topic is to be.</summary>
/// <param name="Name">1 to 249 characters of <c>[a-zA-Z0-9._-]</c>, not <c>.</c> or <c>..</c>.</param>
/// <param name="Partitions">Number of partitions, from 1; -1 for the cluster's <c>num.partitions</c>.</param>
/// <param name="ReplicationFactor">Replicas of each partition, from 1; -1 for the cluster's <c>default.replication.factor</c>.</param>
/// <param name="Configs">Topic configurations by Kafka's names.</param>
/// <param name="ValidateOnly">Whether to check only.</param>
/// <param name="Assignment">Node ids of the replicas of each partition, the preferred leader first; null to leave that to the
/// cluster. With it, the number of partitions and replicas must be -1 or agree.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.CreateTopicRequest")]
public sealed record CreateTopicRequest(
    [property: Id(0)] string Name,
    [property: Id(1)] int Partitions,
    [property: Id(2)] short ReplicationFactor,
    [property: Id(3)] IReadOnlyDictionary<string, string> Configs,
    [property: Id(4)] bool ValidateOnly = false,
    [property: Id(5)] IReadOnlyList<IReadOnlyList<int>>? Assignment = null);

/// <summary>A topic.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Id">Its id: a topic deleted and made again has another.</param>
/// <param name="IsInternal">Whether the cluster keeps its own state in it.</param>
/// <param name="Partitions">Its partitions, ordered by number.</param>
/// <param name="Overrides">The configurations set on the topic itself.</param>
/// <param name="Configs">All configurations in force, defaults included.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.TopicDescription")]
public sealed record TopicDescription(
    [property: Id(0)] string Name,
    [property: Id(1)] Guid Id,
    [property: Id(2)] bool IsInternal,
    [property: Id(3)] IReadOnlyList<PartitionAssignment> Partitions,
    [property: Id(4)] IReadOnlyDictionary<string, string> Overrides,
    [property: Id(5)] IReadOnlyDictionary<string, string> Configs);

/// <summary>What a node may have of a topic that was deleted while it could not be told.</summary>
/// <param name="Topic">The topic's name, which another one may have now.</param>
/// <param name="TopicId">The id that it had.</param>
/// <param name="NodeId">The node.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.Leftover")]
public sealed record Leftover(
    [property: Id(0)] string Topic,
    [property: Id(1)] Guid TopicId,
    [property: Id(2)] int NodeId);

/// <summary>Where the replicas of a partition are; the first is the preferred leader.</summary>
/// <param name="Partition">The partition's number.</param>
/// <param name="Replicas">Node ids.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.PartitionAssignment")]
public sealed record PartitionAssignment(
    [property: Id(0)] int Partition,
    [property: Id(1)] IReadOnlyList<int> Replicas);

/// <summary>The topics of the cluster.</summary>
/// <param name="Version">Rises with every topic created, deleted or extended.</param>
/// <param name="Topics">Ordered by name.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.TopicList")]
public sealed record TopicList(
    [property: Id(0)] long Version,
    [property: Id(1)] IReadOnlyList<TopicListing> Topics);

/// <summary>A topic in a list.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Id">Its id.</param>
/// <param name="PartitionCount">How many partitions it has.</param>
/// <param name="ReplicationFactor">How many replicas each is meant to have.</param>
/// <param name="IsInternal">Whether the cluster keeps its own state in it.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.TopicListing")]
public sealed record TopicListing(
    [property: Id(0)] string Name,
    [property: Id(1)] Guid Id,
    [property: Id(2)] int PartitionCount,
    [property: Id(3)] short ReplicationFactor,
    [property: Id(4)] bool IsInternal);
