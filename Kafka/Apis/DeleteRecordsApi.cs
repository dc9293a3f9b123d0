using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// DeleteRecords 0-2: deletes the records before an offset (-1: the high watermark). Version 2 is flexible. The timeout is not
/// looked at: the leader's own deletion is answered, and the followers learn of it with the next push.
/// </summary>
internal sealed class DeleteRecordsApi() : KafkaApi(ApiKey.DeleteRecords, minVersion: 0, maxVersion: 2, flexibleFrom: 2)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var parts = TopicParts.Read(ref request, static (ref KafkaReader reader, string topic) => new Part(
            new TopicPartition(topic, reader.ReadInt32("partition_index")), reader.ReadInt64("offset")));
        request.ReadInt32("timeout_ms");
        request.SkipTaggedFields();
        return AnswerAsync(context, parts);
    }

    private static async Task AnswerAsync(RequestContext context, List<(int, Part)> parts)
    {
        context.Response.WriteInt32(0); // throttle_time_ms
        await TopicParts.AnswerAsync(
            context,
            parts,
            static part => part.Partition,
            part => PartitionCalls.CallAsync(context, part.Partition, leader => leader.DeleteRecords(part.Offset)),
            static (writer, part, answer) =>
            {
                writer.WriteInt32(part.Partition.Partition);
                writer.WriteInt64(answer.Error == ErrorCode.None ? answer.Value : -1);
                writer.WriteError(answer.Error);
            }).ConfigureAwait(false);
        context.Response.WriteTaggedFields();
    }

    private sealed record Part(TopicPartition Partition, long Offset);
}
