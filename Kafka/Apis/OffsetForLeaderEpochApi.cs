using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// OffsetForLeaderEpoch 2-4: where a leader epoch ends, by which a client notices that what it read was truncated. Version 3 adds
/// the replica id, which consumers leave at -1; 4 is flexible.
/// </summary>
internal sealed class OffsetForLeaderEpochApi() : KafkaApi(ApiKey.OffsetForLeaderEpoch, minVersion: 2, maxVersion: 4, flexibleFrom: 4)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        if (context.ApiVersion >= 3) request.ReadInt32("replica_id");
        var parts = TopicParts.Read(ref request, static (ref KafkaReader reader, string topic) => new Part(
            new TopicPartition(topic, reader.ReadInt32("partition")),
            reader.ReadInt32("current_leader_epoch"),
            reader.ReadInt32("leader_epoch")));
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
            part => PartitionCalls.CallAsync(
                context, part.Partition, leader => leader.OffsetForLeaderEpoch(part.LeaderEpoch, part.CurrentLeaderEpoch)),
            static (writer, part, answer) =>
            {
                writer.WriteError(answer.Error);
                writer.WriteInt32(part.Partition.Partition);
                writer.WriteInt32(answer.Error == ErrorCode.None ? answer.Value.LeaderEpoch : -1);
                writer.WriteInt64(answer.Error == ErrorCode.None ? answer.Value.EndOffset : -1);
            }).ConfigureAwait(false);
        context.Response.WriteTaggedFields();
    }

    private sealed record Part(TopicPartition Partition, int CurrentLeaderEpoch, int LeaderEpoch);
}
