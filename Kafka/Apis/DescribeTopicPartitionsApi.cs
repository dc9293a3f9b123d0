using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// DescribeTopicPartitions 0: topics and their partitions, a page at a time, ordered by topic, with the eligible leaders outside the
/// in-sync replicas (KIP-966). The last of those that were eligible are not kept once nobody is. No topic is made by asking.
/// </summary>
internal sealed class DescribeTopicPartitionsApi()
    : KafkaApi(ApiKey.DescribeTopicPartitions, minVersion: 0, maxVersion: 0, flexibleFrom: 0)
{
    private const int MaxPartitions = 2000;

    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var names = new string[request.ReadArrayLength("topics")];
        for (var i = 0; i < names.Length; i++)
        {
            names[i] = request.ReadString("name");
            request.SkipTaggedFields();
        }

        var limit = Math.Clamp(request.ReadInt32("response_partition_limit"), 1, MaxPartitions);
        (string Topic, int Partition)? cursor = null;
        if (request.ReadInt8("cursor") >= 0)
        {
            cursor = (request.ReadString("topic_name"), request.ReadInt32("partition_index"));
            request.SkipTaggedFields();
        }

        request.SkipTaggedFields();
        return AnswerAsync(context, names, limit, cursor);
    }

    private static async Task AnswerAsync(RequestContext context, string[] names, int limit, (string Topic, int Partition)? cursor)
    {
        var index = await context.Cluster.GetTopicsAsync().ConfigureAwait(false);
        var asked = names.Length > 0 ? names : [.. index.Topics.Select(static topic => topic.Name)];
        var pages = new List<(TopicMetadata Topic, int From, int To)>();
        (string Topic, int Partition)? next = null;
        foreach (var name in asked.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            if (cursor is { } from && string.CompareOrdinal(name, from.Topic) < 0) continue;
            if (limit == 0)
            {
                next = (name, 0);
                break;
            }

            var topic = await DescribeAsync(context, index, name, isNamed: names.Length > 0).ConfigureAwait(false);
            var first = cursor is { } at && at.Topic == name ? Math.Clamp(at.Partition, 0, topic.Partitions.Count) : 0;
            var end = Math.Min(topic.Partitions.Count, first + limit);
            limit -= end - first;
            pages.Add((topic, first, end));
            if (end == topic.Partitions.Count) continue;
            next = (name, end);
            break;
        }

        Write(context, pages, next);
    }

    private static async Task<TopicMetadata> DescribeAsync(RequestContext context, TopicIndex index, string name, bool isNamed)
    {
        if (index.Find(name) is not { } topic)
        {
            var error = TopicCreation.IsValidName(name) ? ErrorCode.UnknownTopicOrPartition : ErrorCode.InvalidTopic;
            return new TopicMetadata(error, name, Guid.Empty);
        }

        var found = new TopicMetadata(ErrorCode.None, name, topic.Id, topic);
        return (await TopicMetadata.DescribeAsync(context, [found], lead: isNamed).ConfigureAwait(false))[0];
    }

    private static void Write(
        RequestContext context, List<(TopicMetadata Topic, int From, int To)> pages, (string Topic, int Partition)? next)
    {
        var (response, brokers) = (context.Response, context.Cluster.Brokers);
        response.WriteInt32(0); // throttle_time_ms
        response.WriteArrayLength(pages.Count);
        foreach (var (topic, from, to) in pages)
        {
            response.WriteError(topic.Error);
            response.WriteString(topic.Name);
            response.WriteUuid(topic.Id);
            response.WriteBoolean(topic.Listing?.IsInternal ?? false);
            response.WriteArrayLength(to - from);
            for (var i = from; i < to; i++) WritePartition(response, topic.Partitions[i], brokers);
            response.WriteInt32(AuthorizedOperations.OfTopic(topic.Error == ErrorCode.None));
            response.WriteTaggedFields();
        }

        response.WriteInt8((sbyte)(next is null ? -1 : 1));
        if (next is var (name, partition))
        {
            response.WriteString(name);
            response.WriteInt32(partition);
            response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }

    private static void WritePartition(KafkaWriter response, PartitionLeadership partition, IReadOnlyList<KafkaBroker> brokers)
    {
        response.WriteError(TopicMetadata.ErrorOf(partition, brokers, isOld: false));
        response.WriteInt32(partition.Partition);
        response.WriteInt32(partition.Leader);
        response.WriteInt32(partition.LeaderEpoch);
        response.WriteInt32Array(partition.Replicas);
        response.WriteInt32Array(partition.InSyncReplicas);
        response.WriteInt32Array(partition.EligibleReplicas);
        response.WriteArrayLength(0); // last_known_elr
        response.WriteInt32Array(partition.OfflineReplicas);
        response.WriteTaggedFields();
    }
}
