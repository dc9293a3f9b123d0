using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// DescribeGroups 0-5: groups of the classic protocol, with the bytes that their members exchange. Version 1 adds the throttle
/// time, 3 what the client may do, 4 static members, 5 is flexible. A group of KIP-848 is described as dead, as in Kafka; its own
/// description is ConsumerGroupDescribe. A group that has only offsets is one of the classic protocol, and empty.
/// </summary>
internal sealed class DescribeGroupsApi() : KafkaApi(ApiKey.DescribeGroups, minVersion: 0, maxVersion: 5, flexibleFrom: 5)
{
    private static readonly ClassicGroupDescription Nothing = new(string.Empty, string.Empty, null, []);

    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var groups = request.ReadStringArray("groups");
        var withOperations = context.ApiVersion >= 3 && request.ReadBoolean("include_authorized_operations");
        request.SkipTaggedFields();
        return AnswerAsync(context, groups, withOperations);
    }

    private static async Task AnswerAsync(RequestContext context, string[] groups, bool withOperations)
    {
        var (response, version) = (context.Response, context.ApiVersion);
        if (version >= 1) response.WriteInt32(0); // throttle_time_ms
        response.WriteArrayLength(groups.Length);
        foreach (var groupId in groups)
        {
            var (group, error, _) = await GroupCalls.CallAsync(context, groupId, static grain => grain.Describe()).ConfigureAwait(false);
            if (group is not null && GroupKinds.IsConsumer(group)) group = null;
            var classic = group?.Classic ?? Nothing;
            response.WriteError(error);
            response.WriteString(groupId);
            response.WriteString(group?.State ?? (error == ErrorCode.None ? GroupKinds.Dead : string.Empty));
            response.WriteString(classic.ProtocolType);
            response.WriteString(classic.Protocol);
            response.WriteArrayLength(classic.Members.Count);
            foreach (var member in classic.Members) WriteMember(response, version, member);
            if (version >= 3) response.WriteInt32(AuthorizedOperations.OfGroup(withOperations && error == ErrorCode.None));
            response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }

    private static void WriteMember(KafkaWriter response, short version, ClassicMemberDescription member)
    {
        response.WriteString(member.MemberId);
        if (version >= 4) response.WriteString(member.InstanceId);
        response.WriteString(member.ClientId);
        response.WriteString(member.ClientHost);
        response.WriteBytes(member.Metadata);
        response.WriteBytes(member.Assignment);
        response.WriteTaggedFields();
    }
}
