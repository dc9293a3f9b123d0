using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Apis;

/// <summary>DeleteGroups 0-2: groups without members, with their offsets; 2 is flexible.</summary>
internal sealed class DeleteGroupsApi() : KafkaApi(ApiKey.DeleteGroups, minVersion: 0, maxVersion: 2, flexibleFrom: 2)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var groups = request.ReadStringArray("groups_names");
        request.SkipTaggedFields();
        return AnswerAsync(context, groups);
    }

    private static async Task AnswerAsync(RequestContext context, string[] groups)
    {
        var response = context.Response;
        response.WriteInt32(0); // throttle_time_ms
        response.WriteArrayLength(groups.Length);
        foreach (var groupId in groups)
        {
            response.WriteString(groupId);
            response.WriteError(await GroupCalls.CallAsync(context, groupId, static group => group.Delete()).ConfigureAwait(false));
            response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }
}
