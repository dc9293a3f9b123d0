using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// OffsetCommit 2-9: 3 adds the throttle time, 5 takes the retention away again (it is read and not heeded: the group's serves), 6
/// adds the leader epoch, 7 static members, 8 is flexible, 9 is for members of KIP-848 too, whose epoch is in the place of the
/// generation. Generation -1 is a commit from outside, which a group without members takes. Versions 0 and 1 (ZooKeeper, own
/// timestamps) are not served.
/// </summary>
internal sealed class OffsetCommitApi() : KafkaApi(ApiKey.OffsetCommit, minVersion: 2, maxVersion: 9, flexibleFrom: 8)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var version = context.ApiVersion;
        var groupId = request.ReadString("group_id");
        var generation = request.ReadInt32("generation_id_or_member_epoch");
        var memberId = request.ReadString("member_id");
        var instanceId = version >= 7 ? request.ReadNullableString("group_instance_id") : null;
        if (version <= 4) request.ReadInt64("retention_time_ms");
        var topics = new (string Name, int Count)[request.ReadArrayLength("topics")];
        var offsets = new List<CommittedOffset>();
        for (var i = 0; i < topics.Length; i++)
        {
            topics[i] = (request.ReadString("name"), request.ReadArrayLength("partitions"));
            for (var j = 0; j < topics[i].Count; j++) offsets.Add(ReadOffset(ref request, version, topics[i].Name));
            request.SkipTaggedFields();
        }

        request.SkipTaggedFields();
        return AnswerAsync(context, groupId, topics, new OffsetCommitRequest(memberId, generation, instanceId, offsets));
    }

    private static CommittedOffset ReadOffset(ref KafkaReader request, short version, string topic)
    {
        var partition = request.ReadInt32("partition_index");
        var offset = request.ReadInt64("committed_offset");
        var leaderEpoch = version >= 6 ? request.ReadInt32("committed_leader_epoch") : -1;
        var metadata = request.ReadNullableString("committed_metadata") ?? string.Empty;
        request.SkipTaggedFields();
        return new CommittedOffset(new TopicPartition(topic, partition), offset, leaderEpoch, metadata);
    }

    private static async Task AnswerAsync(
        RequestContext context, string groupId, (string Name, int Count)[] topics, OffsetCommitRequest commit)
    {
        var (results, error, _) = await GroupCalls.CallAsync(context, groupId, group => group.CommitOffsets(commit)).ConfigureAwait(false);
        var (response, version) = (context.Response, context.ApiVersion);
        // Older clients do not know what a member epoch is.
        if (version < 9 && error == ErrorCode.StaleMemberEpoch) error = ErrorCode.IllegalGeneration;
        if (version >= 3) response.WriteInt32(0); // throttle_time_ms
        response.WriteArrayLength(topics.Length);
        var at = 0;
        foreach (var (name, count) in topics)
        {
            response.WriteString(name);
            response.WriteArrayLength(count);
            for (var end = at + count; at < end; at++)
            {
                response.WriteInt32(commit.Offsets[at].Partition.Partition);
                response.WriteError(results is null ? error : results[at].Error);
                response.WriteTaggedFields();
            }

            response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }
}
