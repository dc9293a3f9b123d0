using Orleans.Concurrency;

namespace OrleansLog.Grains.Interfaces;

/// <summary>A topic (key: its name): its id, configuration and replica assignment.</summary>
[Alias("OrleansLog.ITopicGrain")]
public interface ITopicGrain : IGrainWithStringKey
{
    /// <summary>Describes the topic, with the replicas that its partitions have; while they are reassigned, the old and the new ones.</summary>
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
    /// <param name="totalCount">How many there are to be.</param>
    /// <param name="assignment">The nodes of each new partition, the preferred leader first; null to have them chosen.</param>
    /// <param name="validateOnly">Whether to check only; what is answered then is the topic as it is.</param>
    /// <exception cref="Records.OrleansLogException">UnknownTopicOrPartition; InvalidPartitions when it is not more than now;
    /// InvalidReplicaAssignment; InvalidReplicationFactor; ReassignmentInProgress.</exception>
    [Alias("CreatePartitions")]
    Task<TopicDescription> CreatePartitions(
        int totalCount, IReadOnlyList<IReadOnlyList<int>>? assignment = null, bool validateOnly = false);

    /// <summary>
    /// Moves replicas: partition and the nodes that are to hold it, the preferred leader first; null gives up what runs. Each is
    /// begun by itself, and goes on by itself: see <see cref="ListReassignments"/>. One that runs is replaced by a new one.
    /// </summary>
    /// <returns>For each partition whether it has begun. UnknownTopicOrPartition; InvalidReplicaAssignment: no set of nodes, or one
    /// with a new replica on a node that does not run or is being drained; NoReassignmentInProgress: nothing to give up;
    /// LeaderNotAvailable and others: the partition cannot be changed now.</returns>
    /// <exception cref="Records.OrleansLogException">UnknownTopicOrPartition.</exception>
    [Alias("Reassign")]
    Task<IReadOnlyList<ReassignmentOutcome>> Reassign(IReadOnlyDictionary<int, IReadOnlyList<int>?> changes);

    /// <summary>The reassignments of this topic that run, ordered by partition.</summary>
    /// <exception cref="Records.OrleansLogException">UnknownTopicOrPartition.</exception>
    [AlwaysInterleave, Alias("ListReassignments")]
    Task<IReadOnlyList<PartitionReassignment>> ListReassignments();

    /// <summary>The replicas of a partition have changed: the topic looks what they are. Called by the partition.</summary>
    [AlwaysInterleave, Alias("NoteReplicas")]
    Task NoteReplicas(int partition);

    /// <summary>Deletes the topic's partitions and state; called by the catalog only.</summary>
    [Alias("Delete")]
    Task Delete();
}
