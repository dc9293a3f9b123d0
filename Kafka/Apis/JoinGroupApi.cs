using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// JoinGroup 0-9: a member asks to be in the next generation, and is answered when that begins. Version 1 adds the rebalance timeout
/// (before, the session's serves), 2 the throttle time, 4 tells a new member its id first and has it come back with that, 5 adds
/// static members, 6 is flexible, 7 names the protocol type, 8 takes a reason, 9 lets a leader be told to leave the assignment
/// alone. The reason is not kept.
/// </summary>
internal sealed class JoinGroupApi() : KafkaApi(ApiKey.JoinGroup, minVersion: 0, maxVersion: 9, flexibleFrom: 6)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var version = context.ApiVersion;
        var groupId = request.ReadString("group_id");
        var sessionTimeoutMs = request.ReadInt32("session_timeout_ms");
        var rebalanceTimeoutMs = version >= 1 ? request.ReadInt32("rebalance_timeout_ms") : sessionTimeoutMs;
        var memberId = request.ReadString("member_id");
        var instanceId = version >= 5 ? request.ReadNullableString("group_instance_id") : null;
        var protocolType = request.ReadString("protocol_type");
        var protocols = new ClassicGroupProtocol[request.ReadArrayLength("protocols")];
        for (var i = 0; i < protocols.Length; i++)
        {
            protocols[i] = new ClassicGroupProtocol(request.ReadString("name"), request.ReadBytes("metadata").ToArray());
            request.SkipTaggedFields();
        }

        if (version >= 8) request.ReadNullableString("reason");
        request.SkipTaggedFields();
        return AnswerAsync(context, groupId, new ClassicJoinRequest(
            memberId, instanceId, protocolType, protocols, sessionTimeoutMs, rebalanceTimeoutMs,
            context.ClientId ?? string.Empty, context.ClientHost,
            RequiresKnownMemberId: version >= 4 && instanceId is null,
            CanSkipAssignment: version >= 9));
    }

    private static async Task AnswerAsync(RequestContext context, string groupId, ClassicJoinRequest join)
    {
        var (joined, error, _) = await GroupCalls.CallAsync(context, groupId, group => group.JoinClassic(join)).ConfigureAwait(false);
        joined ??= new ClassicJoinResponse(error, join.MemberId, -1, null, null, string.Empty, [], false);
        var (response, version) = (context.Response, context.ApiVersion);
        if (version >= 2) response.WriteInt32(0); // throttle_time_ms
        response.WriteError(joined.Error);
        response.WriteInt32(joined.Generation);
        if (version >= 7) response.WriteString(joined.ProtocolType);
        response.WriteString(joined.Protocol ?? (version >= 7 ? null : string.Empty));
        response.WriteString(joined.LeaderId);
        if (version >= 9) response.WriteBoolean(joined.SkipAssignment);
        response.WriteString(joined.MemberId);
        response.WriteArrayLength(joined.Members.Count);
        foreach (var member in joined.Members)
        {
            response.WriteString(member.MemberId);
            if (version >= 5) response.WriteString(member.InstanceId);
            response.WriteBytes(member.Metadata);
            response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }
}
