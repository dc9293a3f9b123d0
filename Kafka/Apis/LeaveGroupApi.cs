using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// LeaveGroup 0-5, of the classic protocol: 1 adds the throttle time, 3 takes several members at once, and static ones by their
/// instance alone, 4 is flexible, 5 takes reasons, which are not kept.
/// </summary>
internal sealed class LeaveGroupApi() : KafkaApi(ApiKey.LeaveGroup, minVersion: 0, maxVersion: 5, flexibleFrom: 4)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var version = context.ApiVersion;
        var groupId = request.ReadString("group_id");
        ClassicLeavingMember[] members;
        if (version < 3)
        {
            members = [new ClassicLeavingMember(request.ReadString("member_id"), null)];
        }
        else
        {
            members = new ClassicLeavingMember[request.ReadArrayLength("members")];
            for (var i = 0; i < members.Length; i++)
            {
                members[i] = new ClassicLeavingMember(
                    request.ReadString("member_id"), request.ReadNullableString("group_instance_id"));
                if (version >= 5) request.ReadNullableString("reason");
                request.SkipTaggedFields();
            }
        }

        request.SkipTaggedFields();
        return AnswerAsync(context, groupId, members);
    }

    private static async Task AnswerAsync(RequestContext context, string groupId, ClassicLeavingMember[] members)
    {
        var (left, error, _) = await GroupCalls.CallAsync(context, groupId, group => group.LeaveClassic(members)).ConfigureAwait(false);
        var (response, version) = (context.Response, context.ApiVersion);
        if (version >= 1) response.WriteInt32(0); // throttle_time_ms
        response.WriteError(version < 3 && left is [var only] ? only : error);
        if (version >= 3)
        {
            response.WriteArrayLength(left?.Count ?? 0);
            for (var i = 0; i < (left?.Count ?? 0); i++)
            {
                response.WriteString(members[i].MemberId);
                response.WriteString(members[i].InstanceId);
                response.WriteError(left![i]);
                response.WriteTaggedFields();
            }
        }

        response.WriteTaggedFields();
    }
}
