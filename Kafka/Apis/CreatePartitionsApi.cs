using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// CreatePartitions 0-3: raises the number of partitions of topics, on nodes that the topic chooses or the request names. Version 2 is
/// flexible.
/// </summary>
internal sealed class CreatePartitionsApi() : KafkaApi(ApiKey.CreatePartitions, minVersion: 0, maxVersion: 3, flexibleFrom: 2)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var topics = new (string Name, int Count, int[][]? Assignment)[request.ReadArrayLength("topics")];
        for (var i = 0; i < topics.Length; i++)
        {
            var (name, count) = (request.ReadString("name"), request.ReadInt32("count"));
            var assignments = request.ReadNullableArrayLength("assignments");
            var assignment = assignments > 0 ? new int[assignments][] : null;
            for (var j = 0; j < assignments; j++)
            {
                assignment![j] = request.ReadInt32Array("broker_ids");
                request.SkipTaggedFields();
            }

            request.SkipTaggedFields();
            topics[i] = (name, count, assignment);
        }

        request.ReadInt32("timeout_ms");
        var validateOnly = request.ReadBoolean("validate_only");
        request.SkipTaggedFields();
        return AnswerAsync(context, topics, validateOnly);
    }

    private static async Task AnswerAsync(RequestContext context, (string Name, int Count, int[][]? Assignment)[] topics, bool validateOnly)
    {
        var response = context.Response;
        response.WriteInt32(0); // throttle_time_ms
        response.WriteArrayLength(topics.Length);
        foreach (var (name, count, assignment) in topics)
        {
            var answer = await AdminCalls.TryAsync(() => ExtendAsync(context, name, count, assignment, validateOnly)).ConfigureAwait(false);
            response.WriteString(name);
            response.WriteError(answer.Error);
            response.WriteString(answer.Message);
            response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }

    private static async Task<TopicDescription> ExtendAsync(
        RequestContext context, string name, int count, int[][]? assignment, bool validateOnly)
    {
        var topic = await AdminCalls.DescribeAsync(context, name).ConfigureAwait(false);
        if (topic.IsInternal) throw new OrleansLogException(ErrorCode.InvalidTopic, $"The internal topic '{name}' keeps its partitions.");
        return await context.Grains.GetTopic(name).CreatePartitions(count, assignment, validateOnly).ConfigureAwait(false);
    }
}
