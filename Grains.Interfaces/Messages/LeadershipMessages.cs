using System.Collections.Frozen;

namespace OrleansLog.Grains.Interfaces;

/// <summary>A node with a Kafka listener.</summary>
/// <param name="NodeId">Its stable number.</param>
/// <param name="Host">The name or address that Kafka clients are told.</param>
/// <param name="Port">The port that they are told.</param>
/// <param name="Rack">Its rack; null when none is configured.</param>
public sealed record KafkaBroker(int NodeId, string Host, int Port, string? Rack);

/// <summary>Who leads a partition, as it is known.</summary>
/// <param name="Partition">Its number.</param>
/// <param name="Leader">Node id of the leader, or of the node that is to lead; -1 when none that could runs.</param>
/// <param name="LeaderEpoch">The epoch; -1 when nobody has ever led it. It never falls.</param>
/// <param name="Replicas">Node ids of all replicas, the preferred leader first.</param>
/// <param name="InSyncReplicas">Node ids of those in sync.</param>
/// <param name="EligibleReplicas">Node ids of those that are not in sync and hold all that is committed, so that one of them leads when
/// nobody in sync runs.</param>
/// <param name="OfflineReplicas">Node ids of those whose node does not run.</param>
public sealed record PartitionLeadership(
    int Partition,
    int Leader,
    int LeaderEpoch,
    IReadOnlyList<int> Replicas,
    IReadOnlyList<int> InSyncReplicas,
    IReadOnlyList<int> EligibleReplicas,
    IReadOnlyList<int> OfflineReplicas);

/// <summary>The state of an office that a node holds.</summary>
/// <param name="LeaderEpoch">Its epoch; -1 when the node does not hold it.</param>
/// <param name="Replicas">Node ids of all replicas.</param>
/// <param name="InSyncReplicas">Node ids of those in sync.</param>
/// <param name="EligibleReplicas">See <see cref="PartitionLeadership"/>; null from a silo of a version before there were any.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.HeldOffice")]
public readonly record struct HeldOffice(
    [property: Id(0)] int LeaderEpoch,
    [property: Id(1)] int[] Replicas,
    [property: Id(2)] int[] InSyncReplicas,
    [property: Id(3)] int[]? EligibleReplicas);

/// <summary>The topics of the cluster at one version. Immutable.</summary>
public sealed class TopicIndex
{
    private readonly FrozenDictionary<string, TopicListing> _byName;
    private readonly FrozenDictionary<Guid, TopicListing> _byId;

    /// <summary>An index of the topics in a list.</summary>
    public TopicIndex(TopicList list)
    {
        ArgumentNullException.ThrowIfNull(list);
        Version = list.Version;
        Topics = list.Topics;
        _byName = Topics.ToFrozenDictionary(static topic => topic.Name, StringComparer.Ordinal);
        _byId = Topics.ToFrozenDictionary(static topic => topic.Id);
    }

    /// <summary>Rises with every topic created, deleted or extended.</summary>
    public long Version { get; }

    /// <summary>Ordered by name.</summary>
    public IReadOnlyList<TopicListing> Topics { get; }

    /// <summary>The topic of that name; null when there is none.</summary>
    public TopicListing? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>The topic of that id; null when there is none.</summary>
    public TopicListing? Find(Guid id) => _byId.GetValueOrDefault(id);
}
