using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Grains.Topics;

/// <summary>A topic, as stored.</summary>
internal sealed record TopicState
{
    /// <summary>Its id; empty when there is no such topic.</summary>
    public Guid Id { get; init; }

    /// <summary>Whether the cluster keeps its own state in it.</summary>
    public bool IsInternal { get; init; }

    /// <summary>Set before its partitions are deleted: from then on nobody finds it.</summary>
    public bool IsDeleting { get; init; }

    /// <summary>Set while the catalog may not know the number of partitions or replicas yet.</summary>
    public bool IsUnannounced { get; init; }

    /// <summary>
    /// Node ids of the replicas of each partition, the preferred leader first. Until a partition is led for the first time they are
    /// so because it says so here; from then on this is a copy of what the partition's office says.
    /// </summary>
    public int[][] Assignment { get; init; } = [];

    /// <summary>Partitions that are being reassigned, or may be. Ordered.</summary>
    public int[] Reassigning { get; init; } = [];

    /// <summary>The configurations set on the topic.</summary>
    public Dictionary<string, string> Overrides { get; init; } = [];

    /// <summary>The assignment of a described topic, in the form in which it is stored.</summary>
    public static int[][] AssignmentOf(TopicDescription topic) =>
        [.. topic.Partitions.Select(partition => partition.Replicas.ToArray())];
}
