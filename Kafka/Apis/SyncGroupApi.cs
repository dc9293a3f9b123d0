using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// SyncGroup 0-5: a member fetches its share, the leader brings everybody's; answered when the leader has. Version 1 adds the
/// throttle time, 3 static members, 4 is flexible, 5 names the protocol, which has to be the group's.
/// </summary>
internal sealed class SyncGroupApi() : KafkaApi(ApiKey.SyncGroup, minVersion: 0, maxVersion: 5, flexibleFrom: 4)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var version = context.ApiVersion;
        var groupId = request.ReadString("group_id");
        var generation = request.ReadInt32("generation_id");
        var memberId = request.ReadString("member_id");
        var instanceId = version >= 3 ? request.ReadNullableString("group_instance_id") : null;
        var protocolType = version >= 5 ? request.ReadNullableString("protocol_type") : null;
        var protocol = version >= 5 ? request.ReadNullableString("protocol_name") : null;
        var assignments = new ClassicMemberAssignment[request.ReadArrayLength("assignments")];
        for (var i = 0; i < assignments.Length; i++)
        {
            assignments[i] = new ClassicMemberAssignment(
                request.ReadString("member_id"), request.ReadBytes("assignment").ToArray());
            request.SkipTaggedFields();
        }

        request.SkipTaggedFields();
        return AnswerAsync(
            context, groupId, new ClassicSyncRequest(memberId, instanceId, generation, assignments, protocolType, protocol));
    }

    private static async Task AnswerAsync(RequestContext context, string groupId, ClassicSyncRequest sync)
    {
        var (synced, error, _) = await GroupCalls.CallAsync(context, groupId, group => group.SyncClassic(sync)).ConfigureAwait(false);
        synced ??= new ClassicSyncResponse(error, null, null, []);
        var (response, version) = (context.Response, context.ApiVersion);
        if (version >= 1) response.WriteInt32(0); // throttle_time_ms
        response.WriteError(synced.Error);
        if (version >= 5) response.WriteString(synced.ProtocolType);
        if (version >= 5) response.WriteString(synced.Protocol);
        response.WriteBytes(synced.Assignment);
        response.WriteTaggedFields();
    }
}
