namespace OrleansLog.Engine.Groups;

/// <summary>Says which partition of <c>__consumer_offsets</c> keeps a group, by Kafka's rule.</summary>
public static class GroupPartitioner
{
    /// <summary>The topic that keeps the state of groups.</summary>
    public const string OffsetsTopic = "__consumer_offsets";

    /// <summary>The partition of a group: the hash of a Java string, made positive as Kafka does it, modulo the number of
    /// partitions.</summary>
    /// <param name="groupId">The group.</param>
    /// <param name="partitionCount">The number of partitions of <see cref="OffsetsTopic"/>, from 1; it must never change.</param>
    public static int PartitionFor(string groupId, int partitionCount)
    {
        ArgumentNullException.ThrowIfNull(groupId);
        ArgumentOutOfRangeException.ThrowIfLessThan(partitionCount, 1);
        var hash = 0;
        foreach (var c in groupId) hash = unchecked((31 * hash) + c);
        // Kafka's Utils.abs: the least int, which has no positive twin, counts as 0.
        var positive = hash == int.MinValue ? 0 : Math.Abs(hash);
        return positive % partitionCount;
    }
}
