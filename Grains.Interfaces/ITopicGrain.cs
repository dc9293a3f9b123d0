using Orleans.Concurrency;

namespace OrleansLog.Grains.Interfaces;

/// <summary>A topic (key: its name): its id, configuration and replica assignment.</summary>
[Alias("OrleansLog.ITopicGrain")]
public interface ITopicGrain : IGrainWithStringKey
{
    /// <summary>Describes the topic.</summary>
    /// <exception cref="Records.OrleansLogException">UnknownTopicOrPartition.</exception>
    [AlwaysInterleave, Alias("Describe")]
    Task<TopicDescription> Describe();

    /// <summary>
    /// Makes the topic as described, with the id and assignment that the catalog chose; called by the catalog only. Called again
    /// with the same id it changes nothing.
    /// </summary>
    [Alias("Create")]
    Task Create(TopicDescription topic);

    /// <summary>Sets configuration values, or removes those given as null; all of them or none.</summary>
    /// <param name="changes">Kafka's names of topic configurations and their new values.</param>
    /// <param name="validateOnly">Whether to check only.</param>
    /// <exception cref="Records.OrleansLogException">UnknownTopicOrPartition, InvalidConfig.</exception>
    [Alias("AlterConfig")]
    Task<TopicDescription> AlterConfig(IReadOnlyDictionary<string, string?> changes, bool validateOnly);

    /// <summary>Raises the number of partitions to <paramref name="totalCount"/>.</summary>
    /// <exception cref="Records.OrleansLogException">UnknownTopicOrPartition; InvalidPartitions when it is not more than now.</exception>
    [Alias("CreatePartitions")]
    Task<TopicDescription> CreatePartitions(int totalCount);

    /// <summary>Deletes the topic's partitions and state; called by the catalog only.</summary>
    [Alias("Delete")]
    Task Delete();
}
