using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// ListOffsets 1-7: the offset at a timestamp, the earliest (-2), the latest (-1), the one of the greatest timestamp (-3, from 7).
/// Version 2 adds the throttle time and the isolation level, 4 leader epochs, 6 is flexible. Offsets of tiers (8 and later) are not
/// offered: there is one tier.
/// </summary>
internal sealed class ListOffsetsApi() : KafkaApi(ApiKey.ListOffsets, minVersion: 1, maxVersion: 7, flexibleFrom: 6)
{
    private const short FirstWithMaxTimestamp = 7;

    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var version = context.ApiVersion;
        request.ReadInt32("replica_id");
        var readCommitted = version >= 2 && request.ReadInt8("isolation_level") == 1;
        var parts = TopicParts.Read(ref request, (ref KafkaReader reader, string topic) => new Part(
            new TopicPartition(topic, reader.ReadInt32("partition_index")),
            version >= 4 ? reader.ReadInt32("current_leader_epoch") : -1,
            reader.ReadInt64("timestamp")));
        request.SkipTaggedFields();
        return AnswerAsync(context, parts, readCommitted);
    }

    private static async Task AnswerAsync(RequestContext context, List<(int, Part)> parts, bool readCommitted)
    {
        var (response, version) = (context.Response, context.ApiVersion);
        if (version >= 2) response.WriteInt32(0); // throttle_time_ms
        await TopicParts.AnswerAsync(
            context,
            parts,
            static part => part.Partition,
            part => FindAsync(context, part, readCommitted),
            (writer, part, answer) =>
            {
                writer.WriteInt32(part.Partition.Partition);
                writer.WriteError(answer.Error);
                writer.WriteInt64(answer.Error == ErrorCode.None ? answer.Value.TimestampMs : -1);
                writer.WriteInt64(answer.Error == ErrorCode.None ? answer.Value.Offset : -1);
                if (version >= 4) writer.WriteInt32(answer.Error == ErrorCode.None ? answer.Value.LeaderEpoch : -1);
            }).ConfigureAwait(false);
        response.WriteTaggedFields();
    }

    private static Task<Answer<OffsetAndTimestamp>> FindAsync(RequestContext context, Part part, bool readCommitted)
    {
        var least = context.ApiVersion >= FirstWithMaxTimestamp ? OffsetSpec.MaxTimestamp : OffsetSpec.Earliest;
        return part.Timestamp >= least
            ? PartitionCalls.CallAsync(
                context, part.Partition, leader => leader.ListOffsets(part.Timestamp, readCommitted, part.LeaderEpoch))
            : Task.FromResult(new Answer<OffsetAndTimestamp>(ErrorCode.UnsupportedVersion, null, default));
    }

    private sealed record Part(TopicPartition Partition, int LeaderEpoch, long Timestamp);
}
