using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// ListPartitionReassignments 0: the partitions whose replicas are being moved, of all topics (null) or of those named. A partition
/// that is not being moved, or is not there, is left out, as in Kafka. The timeout is not looked at.
/// </summary>
internal sealed class ListPartitionReassignmentsApi()
    : KafkaApi(ApiKey.ListPartitionReassignments, minVersion: 0, maxVersion: 0, flexibleFrom: 0)
{
    private const int Parallelism = 16;

    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        request.ReadInt32("timeout_ms");
        var count = request.ReadNullableArrayLength("topics");
        var asked = count < 0 ? null : new HashSet<TopicPartition>();
        for (var i = 0; i < count; i++)
        {
            var topic = request.ReadString("name");
            foreach (var partition in request.ReadInt32Array("partition_indexes")) asked!.Add(new TopicPartition(topic, partition));
            request.SkipTaggedFields();
        }

        request.SkipTaggedFields();
        return AnswerAsync(context, asked);
    }

    private static async Task AnswerAsync(RequestContext context, HashSet<TopicPartition>? asked)
    {
        var found = await AdminCalls.TryAsync(() => asked is null
            ? context.Grains.GetTopology().ListReassignments()
            : FindAsync(context, asked)).ConfigureAwait(false);
        var response = context.Response;
        response.WriteInt32(0); // throttle_time_ms
        response.WriteError(found.Error);
        response.WriteString(found.Message);
        var topics = (found.Value ?? []).GroupBy(static each => each.Partition.Topic, StringComparer.Ordinal).ToArray();
        response.WriteArrayLength(topics.Length);
        foreach (var topic in topics)
        {
            response.WriteString(topic.Key);
            response.WriteArrayLength(topic.Count());
            foreach (var each in topic)
            {
                response.WriteInt32(each.Partition.Partition);
                response.WriteInt32Array(each.Replicas);
                response.WriteInt32Array(each.Adding);
                response.WriteInt32Array(each.Removing);
                response.WriteTaggedFields();
            }

            response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }

    private static async Task<IReadOnlyList<PartitionReassignment>> FindAsync(RequestContext context, HashSet<TopicPartition> asked)
    {
        var index = await context.Cluster.GetTopicsAsync().ConfigureAwait(false);
        string[] topics = [.. asked.Select(static partition => partition.Topic).Distinct(StringComparer.Ordinal)
            .Where(topic => index.Find(topic) is not null)];
        var found = new IReadOnlyList<PartitionReassignment>[topics.Length];
        await Parallel.ForAsync(
            0,
            topics.Length,
            new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = context.Aborted },
            async (i, _) => found[i] = await ListAsync(context.Grains.GetTopic(topics[i])).ConfigureAwait(false)).ConfigureAwait(false);
        return [.. found.SelectMany(static each => each).Where(each => asked.Contains(each.Partition))];
    }

    private static async Task<IReadOnlyList<PartitionReassignment>> ListAsync(ITopicGrain topic)
    {
        try
        {
            return await topic.ListReassignments().ConfigureAwait(false);
        }
        catch (OrleansLogException e) when (e.Error == ErrorCode.UnknownTopicOrPartition)
        {
            // It was deleted meanwhile.
            return [];
        }
    }
}
