using OrleansLog.Records;

namespace OrleansLog.Grains.Hosting;

/// <summary>The order in which work that is done now and then goes over partitions, some of them at a time.</summary>
internal static class PartitionRound
{
    /// <summary>
    /// All of them by topic and number: those behind <paramref name="last"/> first, then the others. So a round goes on where the
    /// one before it ended, also when that partition is gone meanwhile.
    /// </summary>
    public static IReadOnlyList<TopicPartition> After(IEnumerable<TopicPartition> partitions, TopicPartition? last) =>
    [
        .. partitions.OrderBy(partition => last is { } known && Compare(partition, known) <= 0)
            .ThenBy(static partition => partition.Topic, StringComparer.Ordinal)
            .ThenBy(static partition => partition.Partition),
    ];

    private static int Compare(TopicPartition left, TopicPartition right)
    {
        var byTopic = string.CompareOrdinal(left.Topic, right.Topic);
        return byTopic != 0 ? byTopic : left.Partition.CompareTo(right.Partition);
    }
}
