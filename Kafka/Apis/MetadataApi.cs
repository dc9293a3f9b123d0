using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// Metadata 0-12: brokers, topics, and who leads each partition. In version 0 an empty list of topics means all, from 1 on null
/// does, and the racks, the controller and internal topics are told; 2 adds the cluster's id, 3 the throttle time, 4 lets the
/// client forbid that topics are made, 5 adds offline replicas, 7 leader epochs, 8 what the client may do, 9 is flexible, 10 adds
/// topic ids, 11 takes what it may do with the cluster away again, 12 lets topics be asked for by id.
/// <para>The controller named is the silo asked: any silo carries admin requests out. A topic that is made because it was asked
/// for is in the same answer, where Kafka has the client ask again.</para>
/// </summary>
internal sealed class MetadataApi() : KafkaApi(ApiKey.Metadata, minVersion: 0, maxVersion: 12, flexibleFrom: 9)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var version = context.ApiVersion;
        var asked = ReadTopics(ref request, version);
        var mayCreate = version < 4 || request.ReadBoolean("allow_auto_topic_creation");
        var clusterOperations = version is >= 8 and <= 10 && request.ReadBoolean("include_cluster_authorized_operations");
        var topicOperations = version >= 8 && request.ReadBoolean("include_topic_authorized_operations");
        request.SkipTaggedFields();
        return AnswerAsync(context, asked, mayCreate, clusterOperations, topicOperations);
    }

    private static (string? Name, Guid Id)[]? ReadTopics(ref KafkaReader request, short version)
    {
        var count = request.ReadNullableArrayLength("topics");
        if (count < 0 || (count == 0 && version == 0)) return null;
        var topics = new (string?, Guid)[count];
        for (var i = 0; i < count; i++)
        {
            var id = version >= 10 ? request.ReadUuid("topic_id") : Guid.Empty;
            var name = version >= 10 ? request.ReadNullableString("name") : request.ReadString("name");
            request.SkipTaggedFields();
            topics[i] = (name, id);
        }

        return topics;
    }

    private static async Task AnswerAsync(
        RequestContext context, (string? Name, Guid Id)[]? asked, bool mayCreate, bool clusterOperations, bool topicOperations)
    {
        var topics = await FindAsync(context, asked, mayCreate).ConfigureAwait(false);
        var (response, version) = (context.Response, context.ApiVersion);
        if (version >= 3) response.WriteInt32(0); // throttle_time_ms
        var brokers = context.Cluster.Brokers;
        response.WriteArrayLength(brokers.Count);
        foreach (var broker in brokers)
        {
            response.WriteInt32(broker.NodeId);
            response.WriteString(broker.Host);
            response.WriteInt32(broker.Port);
            if (version >= 1) response.WriteString(broker.Rack);
            response.WriteTaggedFields();
        }

        if (version >= 2) response.WriteString(context.Cluster.ClusterId);
        if (version >= 1) response.WriteInt32(context.Cluster.NodeId); // controller_id
        response.WriteArrayLength(topics.Count);
        foreach (var topic in topics) WriteTopic(response, version, topic, brokers, topicOperations);
        if (version is >= 8 and <= 10) response.WriteInt32(AuthorizedOperations.OfCluster(clusterOperations));
        response.WriteTaggedFields();
    }

    private static async Task<IReadOnlyList<TopicMetadata>> FindAsync(
        RequestContext context, (string? Name, Guid Id)[]? asked, bool mayCreate)
    {
        if (asked is { Length: 0 }) return [];
        var index = await context.Cluster.GetTopicsAsync().ConfigureAwait(false);
        if (asked is null)
        {
            return await TopicMetadata.DescribeAsync(
                context, [.. index.Topics.Select(static topic => new TopicMetadata(ErrorCode.None, topic.Name, topic.Id, topic))], lead: false)
                .ConfigureAwait(false);
        }

        var found = new List<TopicMetadata>(asked.Length);
        foreach (var (name, id) in asked)
        {
            if (id != Guid.Empty || name is null)
            {
                found.Add(index.Find(id) is { } byId
                    ? new TopicMetadata(ErrorCode.None, byId.Name, id, byId)
                    : new TopicMetadata(ErrorCode.UnknownTopicId, null, id));
            }
            else if (index.Find(name) is { } byName)
            {
                found.Add(new TopicMetadata(ErrorCode.None, name, byName.Id, byName));
            }
            else
            {
                found.Add(await TopicCreation.TryCreateAsync(context, name, mayCreate).ConfigureAwait(false));
            }
        }

        return await TopicMetadata.DescribeAsync(context, found, lead: true).ConfigureAwait(false);
    }

    private static void WriteTopic(
        KafkaWriter response, short version, TopicMetadata topic, IReadOnlyList<KafkaBroker> brokers, bool topicOperations)
    {
        response.WriteError(topic.Error);
        response.WriteString(topic.Name ?? (version >= 12 ? null : string.Empty));
        if (version >= 10) response.WriteUuid(topic.Id);
        if (version >= 1) response.WriteBoolean(topic.Listing?.IsInternal ?? false);
        response.WriteArrayLength(topic.Partitions.Count);
        foreach (var partition in topic.Partitions)
        {
            response.WriteError(TopicMetadata.ErrorOf(partition, brokers, version <= 5));
            response.WriteInt32(partition.Partition);
            response.WriteInt32(partition.Leader);
            if (version >= 7) response.WriteInt32(partition.LeaderEpoch);
            response.WriteInt32Array(partition.Replicas);
            response.WriteInt32Array(partition.InSyncReplicas);
            if (version >= 5) response.WriteInt32Array(partition.OfflineReplicas);
            response.WriteTaggedFields();
        }

        if (version >= 8) response.WriteInt32(AuthorizedOperations.OfTopic(topicOperations && topic.Error == ErrorCode.None));
        response.WriteTaggedFields();
    }
}
