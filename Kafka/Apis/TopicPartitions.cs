using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>Writes the partitions that a member of KIP-848 owns, by topic.</summary>
internal static class TopicPartitions
{
    /// <summary>Writes the array; partitions of topics that are no more are left out.</summary>
    public static void Write(KafkaWriter response, TopicIndex index, IReadOnlyList<TopicPartition> partitions, bool withNames)
    {
        var topics = partitions.GroupBy(partition => partition.Topic)
            .Select(topic => (Listing: index.Find(topic.Key), Partitions: topic.Select(partition => partition.Partition).ToArray()))
            .Where(topic => topic.Listing is not null)
            .ToList();
        response.WriteArrayLength(topics.Count);
        foreach (var (listing, numbers) in topics)
        {
            response.WriteUuid(listing!.Id);
            if (withNames) response.WriteString(listing.Name);
            response.WriteInt32Array(numbers);
            response.WriteTaggedFields();
        }
    }
}
