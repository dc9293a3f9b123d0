using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// OffsetFetch 1-9: version 2 adds null for all partitions and an error of the whole, 3 the throttle time, 5 the leader epoch, 6 is
/// flexible, 7 may ask for stable offsets only (there are no others without transactions), 8 asks for several groups, 9 names the
/// member of KIP-848 who asks. A partition without a committed offset has offset -1. Version 0 (ZooKeeper) is not served.
/// </summary>
internal sealed class OffsetFetchApi() : KafkaApi(ApiKey.OffsetFetch, minVersion: 1, maxVersion: 9, flexibleFrom: 6)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var version = context.ApiVersion;
        var groups = new Group[version >= 8 ? request.ReadArrayLength("groups") : 1];
        for (var i = 0; i < groups.Length; i++)
        {
            var groupId = request.ReadString("group_id");
            var memberId = version >= 9 ? request.ReadNullableString("member_id") : null;
            var memberEpoch = version >= 9 ? request.ReadInt32("member_epoch") : -1;
            groups[i] = new Group(groupId, memberId, memberEpoch, ReadTopics(ref request));
            if (version >= 8) request.SkipTaggedFields();
        }

        if (version >= 7) request.ReadBoolean("require_stable");
        request.SkipTaggedFields();
        return AnswerAsync(context, groups);
    }

    private static List<(string Name, int[] Partitions)>? ReadTopics(ref KafkaReader request)
    {
        var count = request.ReadNullableArrayLength("topics");
        if (count < 0) return null;
        var topics = new List<(string, int[])>(count);
        for (var i = 0; i < count; i++)
        {
            topics.Add((request.ReadString("name"), request.ReadInt32Array("partition_indexes")));
            request.SkipTaggedFields();
        }

        return topics;
    }

    private static async Task AnswerAsync(RequestContext context, Group[] groups)
    {
        var (response, version) = (context.Response, context.ApiVersion);
        if (version >= 3) response.WriteInt32(0); // throttle_time_ms
        if (version >= 8) response.WriteArrayLength(groups.Length);
        foreach (var group in groups)
        {
            var (offsets, error) = await FetchAsync(context, group).ConfigureAwait(false);
            if (version >= 8) response.WriteString(group.GroupId);
            WriteTopics(response, version, group, offsets, error);
            if (version >= 2) response.WriteError(error);
            if (version >= 8) response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }

    private static async Task<(IReadOnlyList<CommittedOffset> Offsets, ErrorCode Error)> FetchAsync(
        RequestContext context, Group group)
    {
        var partitions = group.Topics?
            .SelectMany(topic => topic.Partitions.Select(partition => new TopicPartition(topic.Name, partition))).ToArray();
        var (offsets, error, _) = await GroupCalls.CallAsync(
            context, group.GroupId, grain => grain.FetchOffsets(partitions, group.MemberId, group.MemberEpoch)).ConfigureAwait(false);
        return (offsets ?? [], error);
    }

    private static void WriteTopics(
        KafkaWriter response, short version, Group group, IReadOnlyList<CommittedOffset> offsets, ErrorCode error)
    {
        var found = offsets.ToDictionary(offset => offset.Partition);
        var topics = group.Topics ?? [.. offsets.GroupBy(offset => offset.Partition.Topic)
            .Select(topic => (topic.Key, topic.Select(offset => offset.Partition.Partition).ToArray()))];
        // With an error of the whole there are none, but for old clients that have no place for it.
        if (error != ErrorCode.None && version >= 2) topics = [];
        response.WriteArrayLength(topics.Count);
        foreach (var (name, partitions) in topics)
        {
            response.WriteString(name);
            response.WriteArrayLength(partitions.Length);
            foreach (var partition in partitions)
            {
                var offset = found.GetValueOrDefault(new TopicPartition(name, partition));
                response.WriteInt32(partition);
                response.WriteInt64(offset?.Offset ?? -1);
                if (version >= 5) response.WriteInt32(offset?.LeaderEpoch ?? -1);
                response.WriteString(offset?.Metadata ?? string.Empty);
                response.WriteError(version >= 2 ? ErrorCode.None : error);
                response.WriteTaggedFields();
            }

            response.WriteTaggedFields();
        }
    }

    private sealed record Group(string GroupId, string? MemberId, int MemberEpoch, List<(string Name, int[] Partitions)>? Topics);
}
