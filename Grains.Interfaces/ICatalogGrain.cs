using Orleans.Concurrency;

namespace OrleansLog.Grains.Interfaces;

/// <summary>
/// The one grain (key 0) that knows which topics, groups and nodes there are and hands out producer ids. It is asked when
/// things are made, found and listed, never on the way of a record.
/// </summary>
[Alias("OrleansLog.ICatalogGrain")]
public interface ICatalogGrain : IGrainWithIntegerKey
{
    /// <summary>Creates a topic, or only checks that it could be created.</summary>
    /// <exception cref="Records.OrleansLogException">InvalidTopic, TopicAlreadyExists, InvalidPartitions,
    /// InvalidReplicationFactor, InvalidConfig.</exception>
    [Alias("CreateTopic")]
    Task<TopicDescription> CreateTopic(CreateTopicRequest request);

    /// <summary>Creates an internal topic with the project's settings if it does not exist yet, and describes it.</summary>
    [Alias("EnsureInternalTopic")]
    Task<TopicDescription> EnsureInternalTopic(string topic);

    /// <summary>Deletes a topic with all its records.</summary>
    /// <exception cref="Records.OrleansLogException">UnknownTopicOrPartition; InvalidTopic for an internal one.</exception>
    [Alias("DeleteTopic")]
    Task DeleteTopic(string topic);

    /// <summary>All topics, ordered by name, and the version of the list.</summary>
    [AlwaysInterleave, Alias("ListTopics")]
    Task<TopicList> ListTopics();

    /// <summary>Notes that a node could not be told that a topic is deleted, so that it can find out.</summary>
    [AlwaysInterleave, Alias("NoteLeftover")]
    Task NoteLeftover(Leftover leftover);

    /// <summary>What a node has to delete.</summary>
    [AlwaysInterleave, Alias("ListLeftovers")]
    Task<IReadOnlyList<Leftover>> ListLeftovers(int nodeId);

    /// <summary>Forgets what a node has deleted.</summary>
    [AlwaysInterleave, Alias("ForgetLeftover")]
    Task ForgetLeftover(Leftover leftover);

    /// <summary>Called by a topic whose partition count changed, so that the list's version rises.</summary>
    [AlwaysInterleave, Alias("TopicChanged")]
    Task TopicChanged(TopicDescription topic);

    /// <summary>The list's version alone: it rises with every topic created, deleted or extended.</summary>
    [AlwaysInterleave, Alias("GetTopicsVersion")]
    Task<long> GetTopicsVersion();

    /// <summary>Reserves producer ids that nobody else gets, through any restart.</summary>
    /// <param name="count">How many, 1 to 1,000,000.</param>
    [AlwaysInterleave, Alias("AllocateProducerIds")]
    Task<ProducerIdBlock> AllocateProducerIds(int count);

    /// <summary>Notes that a consumer group exists, so that it is listed.</summary>
    [AlwaysInterleave, Alias("RegisterGroup")]
    Task RegisterGroup(string groupId);

    /// <summary>Forgets a deleted consumer group.</summary>
    [AlwaysInterleave, Alias("UnregisterGroup")]
    Task UnregisterGroup(string groupId);

    /// <summary>The ids of all consumer groups, ordered.</summary>
    [AlwaysInterleave, Alias("ListGroups")]
    Task<IReadOnlyList<string>> ListGroups();

    /// <summary>The cluster and its nodes.</summary>
    [AlwaysInterleave, Alias("DescribeCluster")]
    Task<ClusterDescription> DescribeCluster();

    /// <summary>The nodes that are known, ordered by id, and which of them run.</summary>
    [AlwaysInterleave, Alias("ListNodes")]
    Task<IReadOnlyList<NodeStatus>> ListNodes();

    /// <summary>Notes that a node is to be taken out, and gets no new replicas from now on; or that it is not.</summary>
    /// <exception cref="Records.OrleansLogException">InvalidRequest: there is no such node.</exception>
    [AlwaysInterleave, Alias("SetDraining")]
    Task SetDraining(int nodeId, bool isDraining);

    /// <summary>Forgets a node that does not run. Should it start again, it is known again.</summary>
    /// <exception cref="Records.OrleansLogException">InvalidRequest: there is no such node, it runs, or it is to hold replicas.</exception>
    [AlwaysInterleave, Alias("ForgetNode")]
    Task ForgetNode(int nodeId);

    /// <summary>Notes a node that started.</summary>
    [AlwaysInterleave, Alias("RegisterNode")]
    Task RegisterNode(NodeDescription node);
}
