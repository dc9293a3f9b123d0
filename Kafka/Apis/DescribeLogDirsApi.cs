using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// DescribeLogDirs 0-4: what this silo keeps on its disk. Version 2 is flexible, 3 adds an error for the whole, 4 the size of the
/// disk. There is one directory. The lag of a replica is told as 0: Metadata says which are in sync.
/// </summary>
internal sealed class DescribeLogDirsApi() : KafkaApi(ApiKey.DescribeLogDirs, minVersion: 0, maxVersion: 4, flexibleFrom: 2)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var count = request.ReadNullableArrayLength("topics");
        var asked = count < 0 ? null : new HashSet<TopicPartition>();
        for (var i = 0; i < count; i++)
        {
            var topic = request.ReadString("topic");
            foreach (var partition in request.ReadInt32Array("partitions")) asked!.Add(new TopicPartition(topic, partition));
            request.SkipTaggedFields();
        }

        request.SkipTaggedFields();
        return AnswerAsync(context, asked);
    }

    private static async Task AnswerAsync(RequestContext context, HashSet<TopicPartition>? asked)
    {
        // It looks at the disk.
        var storage = await Task.Run(context.Cluster.DescribeStorage, context.Aborted).ConfigureAwait(false);
        var topics = storage.Replicas
            .Where(replica => asked?.Contains(replica.Partition) ?? true)
            .GroupBy(static replica => replica.Partition.Topic, StringComparer.Ordinal)
            .ToArray();
        var (response, version) = (context.Response, context.ApiVersion);
        response.WriteInt32(0); // throttle_time_ms
        if (version >= 3) response.WriteError(ErrorCode.None);
        response.WriteArrayLength(1);
        response.WriteError(ErrorCode.None);
        response.WriteString(storage.Path);
        response.WriteArrayLength(topics.Length);
        foreach (var topic in topics) Write(response, topic.Key, [.. topic]);
        if (version >= 4)
        {
            response.WriteInt64(storage.TotalBytes);
            response.WriteInt64(storage.UsableBytes);
        }

        response.WriteTaggedFields();
        response.WriteTaggedFields();
    }

    private static void Write(KafkaWriter response, string topic, StoredReplica[] replicas)
    {
        response.WriteString(topic);
        response.WriteArrayLength(replicas.Length);
        foreach (var replica in replicas)
        {
            response.WriteInt32(replica.Partition.Partition);
            response.WriteInt64(replica.SizeBytes);
            response.WriteInt64(0); // offset_lag
            response.WriteBoolean(false); // is_future_key
            response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }
}
