using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>OffsetDelete 0: committed offsets of topics that no member subscribes to.</summary>
internal sealed class OffsetDeleteApi() : KafkaApi(ApiKey.OffsetDelete, minVersion: 0, maxVersion: 0, flexibleFrom: short.MaxValue)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var groupId = request.ReadString("group_id");
        var topics = new (string Name, int[] Partitions)[request.ReadArrayLength("topics")];
        for (var i = 0; i < topics.Length; i++) topics[i] = (request.ReadString("name"), request.ReadInt32Array("partitions"));
        return AnswerAsync(context, groupId, topics);
    }

    private static async Task AnswerAsync(RequestContext context, string groupId, (string Name, int[] Partitions)[] topics)
    {
        var (failure, fates) = (ErrorCode.None, new ErrorCode[topics.Length]);
        for (var i = 0; i < topics.Length && failure == ErrorCode.None; i++)
        {
            var (name, partitions) = topics[i];
            fates[i] = await GroupCalls.CallAsync(context, groupId, group => group.DeleteOffsets(
                [.. partitions.Select(partition => new TopicPartition(name, partition))])).ConfigureAwait(false);
            if (fates[i] is not (ErrorCode.None or ErrorCode.GroupSubscribedToTopic)) failure = fates[i];
        }

        var response = context.Response;
        response.WriteError(failure);
        response.WriteInt32(0); // throttle_time_ms
        response.WriteArrayLength(failure == ErrorCode.None ? topics.Length : 0);
        for (var i = 0; i < topics.Length && failure == ErrorCode.None; i++)
        {
            response.WriteString(topics[i].Name);
            response.WriteArrayLength(topics[i].Partitions.Length);
            foreach (var partition in topics[i].Partitions)
            {
                response.WriteInt32(partition);
                response.WriteError(fates[i]);
            }
        }
    }
}
