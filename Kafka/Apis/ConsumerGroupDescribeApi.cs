using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Apis;

/// <summary>ConsumerGroupDescribe 0-1: groups of KIP-848. Version 1 says of each member which protocol it speaks.</summary>
internal sealed class ConsumerGroupDescribeApi()
    : KafkaApi(ApiKey.ConsumerGroupDescribe, minVersion: 0, maxVersion: 1, flexibleFrom: 0)
{
    private const sbyte ConsumerMember = 1;

    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var groups = request.ReadStringArray("group_ids");
        var withOperations = request.ReadBoolean("include_authorized_operations");
        request.SkipTaggedFields();
        return AnswerAsync(context, groups, withOperations);
    }

    private static async Task AnswerAsync(RequestContext context, string[] groups, bool withOperations)
    {
        var index = await context.Cluster.GetTopicsAsync().ConfigureAwait(false);
        var response = context.Response;
        response.WriteInt32(0); // throttle_time_ms
        response.WriteArrayLength(groups.Length);
        foreach (var groupId in groups)
        {
            var (group, error, message) = await GroupCalls.CallAsync(context, groupId, static grain => grain.Describe()).ConfigureAwait(false);
            if (group is not null && !GroupKinds.IsConsumer(group))
                (group, error, message) = (null, ErrorCode.GroupIdNotFound, $"There is no group '{groupId}' of KIP-848.");
            response.WriteError(error);
            response.WriteString(message);
            response.WriteString(groupId);
            response.WriteString(group?.State ?? GroupKinds.Dead);
            response.WriteInt32(group?.GroupEpoch ?? 0);
            response.WriteInt32(group?.AssignmentEpoch ?? 0);
            response.WriteString(group?.Assignor ?? string.Empty);
            response.WriteArrayLength(group?.Members.Count ?? 0);
            foreach (var member in group?.Members ?? []) WriteMember(response, context.ApiVersion, index, member);
            response.WriteInt32(AuthorizedOperations.OfGroup(withOperations && error == ErrorCode.None));
            response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }

    private static void WriteMember(KafkaWriter response, short version, TopicIndex index, GroupMemberDescription member)
    {
        response.WriteString(member.MemberId);
        response.WriteString(member.InstanceId);
        response.WriteString(member.RackId);
        response.WriteInt32(member.MemberEpoch);
        response.WriteString(member.ClientId);
        response.WriteString(member.ClientHost);
        response.WriteArrayLength(member.SubscribedTopics.Count);
        foreach (var topic in member.SubscribedTopics) response.WriteString(topic);
        response.WriteString(member.SubscribedPattern);
        TopicPartitions.Write(response, index, member.Assignment, withNames: true);
        response.WriteTaggedFields(); // of the assignment
        TopicPartitions.Write(response, index, member.TargetAssignment, withNames: true);
        response.WriteTaggedFields(); // of the target assignment
        if (version >= 1) response.WriteInt8(ConsumerMember);
        response.WriteTaggedFields();
    }
}
