using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>Names of partitions' directories.</summary>
internal static class PartitionDirectory
{
    // The longest name that file systems take.
    private const int MaxNameLength = 255;

    public static string PathOf(string dataDirectory, TopicPartition partition) => Path.Combine(dataDirectory, partition.ToString());

    /// <summary>A name that no other deletion uses; it says which partition was deleted.</summary>
    public static string OutgoingPathOf(string dataDirectory, TopicPartition partition)
    {
        var suffix = $".{Guid.NewGuid():N}{LogFileNames.DeletedDirectory}";
        var name = partition.ToString();
        return Path.Combine(dataDirectory, name[..Math.Min(name.Length, MaxNameLength - suffix.Length)] + suffix);
    }

    /// <summary>Refuses what would be a path to somewhere else; what a topic may be called is decided elsewhere.</summary>
    public static void CheckName(TopicPartition partition)
    {
        if (partition.Partition < 0 || string.IsNullOrEmpty(partition.Topic) || partition.Topic is "." or ".."
            || partition.Topic.AsSpan().IndexOfAny('/', '\\', '\0') >= 0 || partition.ToString().Length > MaxNameLength)
            throw new OrleansLogException(ErrorCode.InvalidTopic, $"'{partition}' is no name for a partition's directory.");
    }

    public static OrleansLogException Foreign(TopicPartition partition, Guid found, Guid expected) => new(
        ErrorCode.InconsistentTopicId, $"The log of {partition} belongs to the topic with id {found}, not to that with id {expected}.");
}
