using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Apis;

/// <summary>Heartbeat 0-4, of the classic protocol: 1 adds the throttle time, 3 static members, 4 is flexible.</summary>
internal sealed class HeartbeatApi() : KafkaApi(ApiKey.Heartbeat, minVersion: 0, maxVersion: 4, flexibleFrom: 4)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var groupId = request.ReadString("group_id");
        var generation = request.ReadInt32("generation_id");
        var memberId = request.ReadString("member_id");
        var instanceId = context.ApiVersion >= 3 ? request.ReadNullableString("group_instance_id") : null;
        request.SkipTaggedFields();
        return AnswerAsync(context, groupId, memberId, instanceId, generation);
    }

    private static async Task AnswerAsync(
        RequestContext context, string groupId, string memberId, string? instanceId, int generation)
    {
        var (told, error, _) = await GroupCalls.CallAsync(
            context, groupId, group => group.HeartbeatClassic(memberId, instanceId, generation)).ConfigureAwait(false);
        if (context.ApiVersion >= 1) context.Response.WriteInt32(0); // throttle_time_ms
        context.Response.WriteError(error == ErrorCode.None ? told : error);
        context.Response.WriteTaggedFields();
    }
}
