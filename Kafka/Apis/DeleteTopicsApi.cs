using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// DeleteTopics 0-6. Version 1 adds the throttle time, 4 is flexible, 5 adds messages for people, 6 lets topics be named by ids. The
/// timeout is not looked at: the topic is gone when the answer comes.
/// </summary>
internal sealed class DeleteTopicsApi() : KafkaApi(ApiKey.DeleteTopics, minVersion: 0, maxVersion: 6, flexibleFrom: 4)
{
    private const short FirstWithIds = 6;

    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var topics = new (string? Name, Guid Id)[request.ReadArrayLength("topics")];
        for (var i = 0; i < topics.Length; i++)
        {
            if (context.ApiVersion < FirstWithIds)
            {
                topics[i] = (request.ReadString("name"), Guid.Empty);
                continue;
            }

            topics[i] = (request.ReadNullableString("name"), request.ReadUuid("topic_id"));
            request.SkipTaggedFields();
        }

        request.ReadInt32("timeout_ms");
        request.SkipTaggedFields();
        return AnswerAsync(context, topics);
    }

    private static async Task AnswerAsync(RequestContext context, (string? Name, Guid Id)[] topics)
    {
        var index = await context.Cluster.GetTopicsAsync().ConfigureAwait(false);
        var (response, version) = (context.Response, context.ApiVersion);
        if (version >= 1) response.WriteInt32(0); // throttle_time_ms
        response.WriteArrayLength(topics.Length);
        foreach (var (asked, id) in topics)
        {
            var name = asked ?? index.Find(id)?.Name;
            var answer = name is null
                ? new Answer<bool>(ErrorCode.UnknownTopicId, $"No topic has the id {id}.", false)
                : await AdminCalls.TryAsync(() => DeleteAsync(context, name)).ConfigureAwait(false);
            response.WriteString(name ?? (version >= FirstWithIds ? null : string.Empty));
            if (version >= FirstWithIds) response.WriteUuid(asked is null ? id : index.Find(asked)?.Id ?? Guid.Empty);
            response.WriteError(answer.Error);
            if (version >= 5) response.WriteString(answer.Message);
            response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }

    private static async Task<bool> DeleteAsync(RequestContext context, string name)
    {
        await context.Grains.GetCatalog().DeleteTopic(name).ConfigureAwait(false);
        return true;
    }
}
