using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Grains.Catalog;

/// <summary>How far a topic's life has come in the catalog.</summary>
internal enum TopicStage
{
    /// <summary>It is being made: the catalog meant to, the topic may or may not know. Nobody sees it.</summary>
    Creating,

    /// <summary>It is there.</summary>
    Ready,

    /// <summary>It is being deleted: it may or may not be gone. Nobody sees it.</summary>
    Deleting,
}

/// <summary>A topic in the catalog.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Id">Its id.</param>
/// <param name="PartitionCount">How many partitions it has.</param>
/// <param name="ReplicationFactor">How many replicas each is meant to have.</param>
/// <param name="IsInternal">Whether the cluster keeps its own state in it.</param>
/// <param name="Stage">How far its life has come.</param>
/// <param name="Intent">While it is being made: what it is to be, so that a catalog that starts anew can complete it.</param>
internal sealed record CatalogTopic(
    string Name,
    Guid Id,
    int PartitionCount,
    short ReplicationFactor,
    bool IsInternal,
    TopicStage Stage,
    TopicIntent? Intent = null);

/// <summary>What a topic is to be.</summary>
/// <param name="Assignment">Node ids of the replicas of each partition, the preferred leader first.</param>
/// <param name="Overrides">The configurations set on the topic.</param>
internal sealed record TopicIntent(int[][] Assignment, Dictionary<string, string> Overrides);

/// <summary>The topics of the cluster, as stored.</summary>
internal sealed record TopicCatalog
{
    /// <summary>Rises with every topic that appears, disappears or is extended.</summary>
    public long Version { get; init; }

    /// <summary>Ordered by name.</summary>
    public CatalogTopic[] Topics { get; init; } = [];
}

/// <summary>The consumer groups of the cluster, as stored.</summary>
internal sealed record GroupCatalog
{
    /// <summary>Ordered.</summary>
    public string[] GroupIds { get; init; } = [];
}

/// <summary>The nodes of the cluster, as stored.</summary>
internal sealed record NodeCatalog
{
    /// <summary>Ordered by id.</summary>
    public NodeDescription[] Nodes { get; init; } = [];

    /// <summary>The ids of those that get no new replicas, because they are to be taken out. Ordered.</summary>
    public int[] Draining { get; init; } = [];

    /// <summary>What nodes may still have of deleted topics, since they could not be told. The latest ones.</summary>
    public Leftover[] Leftovers { get; init; } = [];
}

/// <summary>The producer ids handed out, as stored.</summary>
internal sealed record ProducerIdCounter
{
    /// <summary>The first id that nobody has.</summary>
    public long NextId { get; init; }
}
