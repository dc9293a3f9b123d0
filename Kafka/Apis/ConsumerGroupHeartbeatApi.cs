using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// ConsumerGroupHeartbeat 0-1 (KIP-848): a member joins, stays and leaves, and learns what it is to own, by topic id. Version 1 adds
/// subscriptions by regular expression, and has members make their ids themselves; in version 0 one without an id is given one.
/// </summary>
internal sealed class ConsumerGroupHeartbeatApi()
    : KafkaApi(ApiKey.ConsumerGroupHeartbeat, minVersion: 0, maxVersion: 1, flexibleFrom: 0)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var version = context.ApiVersion;
        var groupId = request.ReadString("group_id");
        var memberId = request.ReadString("member_id");
        var memberEpoch = request.ReadInt32("member_epoch");
        var instanceId = request.ReadNullableString("instance_id");
        var rackId = request.ReadNullableString("rack_id");
        var rebalanceTimeoutMs = request.ReadInt32("rebalance_timeout_ms");
        var topics = request.ReadNullableStringArray("subscribed_topic_names");
        var pattern = version >= 1 ? request.ReadNullableString("subscribed_topic_regex") : null;
        var assignor = request.ReadNullableString("server_assignor");
        var owned = ReadOwned(ref request);
        request.SkipTaggedFields();
        if (version == 0 && memberId.Length == 0 && memberEpoch == 0) memberId = Guid.NewGuid().ToString();
        return AnswerAsync(context, groupId, owned, new GroupHeartbeatRequest(
            memberId, memberEpoch, instanceId, rebalanceTimeoutMs, topics, pattern, assignor, null,
            context.ClientId ?? string.Empty, RackId: rackId, ClientHost: context.ClientHost));
    }

    private static List<(Guid Topic, int[] Partitions)>? ReadOwned(ref KafkaReader request)
    {
        var count = request.ReadNullableArrayLength("topic_partitions");
        if (count < 0) return null;
        var owned = new List<(Guid, int[])>(count);
        for (var i = 0; i < count; i++)
        {
            owned.Add((request.ReadUuid("topic_id"), request.ReadInt32Array("partitions")));
            request.SkipTaggedFields();
        }

        return owned;
    }

    private static async Task AnswerAsync(
        RequestContext context, string groupId, List<(Guid Topic, int[] Partitions)>? owned, GroupHeartbeatRequest heartbeat)
    {
        var (answer, error, message) = await GroupCalls.CallAsync(
            context,
            groupId,
            async group => await group.Heartbeat(
                heartbeat with { OwnedPartitions = await NameAsync(context, owned).ConfigureAwait(false) }).ConfigureAwait(false))
            .ConfigureAwait(false);
        var index = answer?.Assignment is null ? null : await context.Cluster.GetTopicsAsync().ConfigureAwait(false);
        var response = context.Response;
        response.WriteInt32(0); // throttle_time_ms
        response.WriteError(error);
        response.WriteString(message);
        response.WriteString(answer?.MemberId ?? heartbeat.MemberId);
        response.WriteInt32(answer?.MemberEpoch ?? heartbeat.MemberEpoch);
        response.WriteInt32(answer?.HeartbeatIntervalMs ?? 0);
        if (answer?.Assignment is { } assignment)
        {
            response.WriteInt8(1); // there is one
            TopicPartitions.Write(response, index!, assignment, withNames: false);
            response.WriteTaggedFields();
        }
        else
        {
            response.WriteInt8(-1);
        }

        response.WriteTaggedFields();
    }

    /// <summary>The names of what the member owns; a topic that is no more has its id for one.</summary>
    private static async Task<IReadOnlyList<TopicPartition>?> NameAsync(
        RequestContext context, List<(Guid Topic, int[] Partitions)>? owned)
    {
        if (owned is null) return null;
        if (owned.Count == 0) return [];
        var index = await context.Cluster.GetTopicsAsync().ConfigureAwait(false);
        return [.. owned.SelectMany(topic => topic.Partitions.Select(
            partition => new TopicPartition(index.Find(topic.Topic)?.Name ?? topic.Topic.ToString(), partition)))];
    }
}
