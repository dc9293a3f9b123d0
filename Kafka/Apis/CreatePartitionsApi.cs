using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// CreatePartitions 0-3: raises the number of partitions of topics. Version 2 is flexible. An assignment of the new replicas by
/// hand is refused, as the topic chooses their nodes itself; AlterPartitionReassignments moves them.
/// </summary>
internal sealed class CreatePartitionsApi() : KafkaApi(ApiKey.CreatePartitions, minVersion: 0, maxVersion: 3, flexibleFrom: 2)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var topics = new (string Name, int Count, bool IsAssigned)[request.ReadArrayLength("topics")];
        for (var i = 0; i < topics.Length; i++)
        {
            var (name, count) = (request.ReadString("name"), request.ReadInt32("count"));
            var assignments = request.ReadNullableArrayLength("assignments");
            for (var j = 0; j < assignments; j++)
            {
                request.ReadInt32Array("broker_ids");
                request.SkipTaggedFields();
            }

            request.SkipTaggedFields();
            topics[i] = (name, count, assignments > 0);
        }

        request.ReadInt32("timeout_ms");
        var validateOnly = request.ReadBoolean("validate_only");
        request.SkipTaggedFields();
        return AnswerAsync(context, topics, validateOnly);
    }

    private static async Task AnswerAsync(RequestContext context, (string Name, int Count, bool IsAssigned)[] topics, bool validateOnly)
    {
        var response = context.Response;
        response.WriteInt32(0); // throttle_time_ms
        response.WriteArrayLength(topics.Length);
        foreach (var (name, count, isAssigned) in topics)
        {
            var answer = await AdminCalls.TryAsync(() => ExtendAsync(context, name, count, isAssigned, validateOnly)).ConfigureAwait(false);
            response.WriteString(name);
            response.WriteError(answer.Error);
            response.WriteString(answer.Message);
            response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }

    private static async Task<TopicDescription> ExtendAsync(
        RequestContext context, string name, int count, bool isAssigned, bool validateOnly)
    {
        var topic = await AdminCalls.DescribeAsync(context, name).ConfigureAwait(false);
        if (topic.IsInternal) throw new OrleansLogException(ErrorCode.InvalidTopic, $"The internal topic '{name}' keeps its partitions.");
        if (isAssigned)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidReplicaAssignment, $"The topic '{name}' chooses the nodes of its new partitions itself; reassign them when they are there.");
        }

        if (!validateOnly) return await context.Grains.GetTopic(name).CreatePartitions(count).ConfigureAwait(false);
        if (count > topic.Partitions.Count) return topic;
        throw new OrleansLogException(
            ErrorCode.InvalidPartitions, $"The topic '{name}' has {topic.Partitions.Count} partitions; {count} is not more.");
    }
}
