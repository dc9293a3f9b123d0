using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// CreateTopics 0-7. Version 1 adds validate_only and messages for people, 2 the throttle time, 4 lets partitions and replicas be
/// left to the cluster (-1), 5 is flexible and tells how the topic turned out, 7 its id.
/// <para>Any silo takes the request, not only the controller. The timeout is not looked at: a topic is made when the answer comes.
/// Partitions are led with the first request for them. Nodes that are named for replicas have to run, where Kafka is content with one
/// of a partition's.</para>
/// </summary>
internal sealed class CreateTopicsApi() : KafkaApi(ApiKey.CreateTopics, minVersion: 0, maxVersion: 7, flexibleFrom: 5)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var topics = new Topic[request.ReadArrayLength("topics")];
        for (var i = 0; i < topics.Length; i++)
        {
            topics[i] = new Topic(
                request.ReadString("name"),
                request.ReadInt32("num_partitions"),
                request.ReadInt16("replication_factor"),
                ReadAssignment(ref request),
                ReadConfigs(ref request));
            request.SkipTaggedFields();
        }

        request.ReadInt32("timeout_ms");
        var validateOnly = context.ApiVersion >= 1 && request.ReadBoolean("validate_only");
        request.SkipTaggedFields();
        return AnswerAsync(context, topics, validateOnly);
    }

    private static (int Partition, int[] Nodes)[] ReadAssignment(ref KafkaReader request)
    {
        var assignment = new (int, int[])[request.ReadArrayLength("assignments")];
        for (var i = 0; i < assignment.Length; i++)
        {
            assignment[i] = (request.ReadInt32("partition_index"), request.ReadInt32Array("broker_ids"));
            request.SkipTaggedFields();
        }

        return assignment;
    }

    private static Dictionary<string, string> ReadConfigs(ref KafkaReader request)
    {
        var configs = new Dictionary<string, string>(StringComparer.Ordinal);
        var count = request.ReadArrayLength("configs");
        for (var i = 0; i < count; i++)
        {
            var name = request.ReadString("name");
            // Null leaves it at the default.
            if (request.ReadNullableString("value") is { } value) configs[name] = value;
            request.SkipTaggedFields();
        }

        return configs;
    }

    private static async Task AnswerAsync(RequestContext context, Topic[] topics, bool validateOnly)
    {
        var twice = topics.CountBy(static topic => topic.Name).Where(static name => name.Value > 1).Select(static name => name.Key).ToHashSet();
        var (response, version) = (context.Response, context.ApiVersion);
        if (version >= 2) response.WriteInt32(0); // throttle_time_ms
        response.WriteArrayLength(topics.Length);
        // The catalog makes one at a time anyway.
        foreach (var topic in topics)
        {
            var answer = twice.Contains(topic.Name)
                ? new Answer<TopicDescription>(ErrorCode.InvalidRequest, $"The topic '{topic.Name}' is in the request more than once.", null)
                : await AdminCalls.TryAsync(() => CreateAsync(context, topic, validateOnly)).ConfigureAwait(false);
            Write(response, version, topic.Name, answer, validateOnly);
        }

        response.WriteTaggedFields();
    }

    private static Task<TopicDescription> CreateAsync(RequestContext context, Topic topic, bool validateOnly) =>
        context.Grains.GetCatalog().CreateTopic(new CreateTopicRequest(
            topic.Name, topic.Partitions, topic.ReplicationFactor, topic.Configs, validateOnly, OrderAssignment(topic)));

    /// <summary>The nodes named for each partition, in the order of the partitions; null when none are named.</summary>
    private static int[][]? OrderAssignment(Topic topic)
    {
        if (topic.Assignment.Length == 0) return null;
        if (topic.Partitions != -1 || topic.ReplicationFactor != -1)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidRequest,
                $"Nodes are named for the replicas of the topic '{topic.Name}': its numbers of partitions ({topic.Partitions}) and "
                + $"replicas ({topic.ReplicationFactor}) must be -1.");
        }

        var ordered = topic.Assignment.OrderBy(static each => each.Partition).ToArray();
        for (var i = 0; i < ordered.Length; i++)
        {
            if (ordered[i].Partition == i) continue;
            throw new OrleansLogException(
                ErrorCode.InvalidReplicaAssignment,
                $"Nodes are named for the partitions {string.Join(", ", ordered.Select(static each => each.Partition))} of the topic "
                + $"'{topic.Name}': each from 0 on must be there once.");
        }

        return [.. ordered.Select(static each => each.Nodes)];
    }

    private static void Write(KafkaWriter response, short version, string name, in Answer<TopicDescription> answer, bool validateOnly)
    {
        response.WriteString(name);
        // One that was only checked has no id.
        if (version >= 7) response.WriteUuid(validateOnly ? Guid.Empty : answer.Value?.Id ?? Guid.Empty);
        response.WriteError(answer.Error);
        if (version >= 1) response.WriteString(answer.Message);
        if (version >= 5)
        {
            response.WriteInt32(answer.Value?.Partitions.Count ?? -1);
            response.WriteInt16((short)(answer.Value?.Partitions[0].Replicas.Count ?? -1));
            WriteConfigs(response, answer.Value);
        }

        response.WriteTaggedFields();
    }

    private static void WriteConfigs(KafkaWriter response, TopicDescription? topic)
    {
        if (topic is null)
        {
            response.WriteArrayLength(-1);
            return;
        }

        response.WriteArrayLength(topic.Configs.Count);
        foreach (var (name, value) in topic.Configs)
        {
            response.WriteString(name);
            response.WriteString(value);
            response.WriteBoolean(false); // read_only
            response.WriteInt8((sbyte)TopicConfigs.SourceOf(topic, name));
            response.WriteBoolean(false); // is_sensitive
            response.WriteTaggedFields();
        }
    }

    private sealed record Topic(
        string Name, int Partitions, short ReplicationFactor, (int Partition, int[] Nodes)[] Assignment, Dictionary<string, string> Configs);
}
