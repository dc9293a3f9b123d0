using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// Fetch 4-13. Version 5 adds log start offsets, 7 sessions, 9 the leader epoch the client believes in, 11 its rack, 12 is flexible
/// and tells the last epoch fetched, 13 names topics by their ids.
/// <para>Sessions are declined: the answer has session id 0, by which the client goes on naming all partitions. Reads are by the
/// leader only, so no other replica is preferred; the epoch last fetched is not looked at, as only replicas send it. There are no
/// transactions yet, and so no aborted ones. At least one whole batch is returned, however small the size that is asked for.</para>
/// </summary>
internal sealed class FetchApi() : KafkaApi(ApiKey.Fetch, minVersion: 4, maxVersion: 13, flexibleFrom: 12)
{
    private const short FirstWithTopicIds = 13;
    private const int FullSession = 0;
    private const int NoSession = -1;

    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var version = context.ApiVersion;
        request.ReadInt32("replica_id");
        var maxWaitMs = request.ReadInt32("max_wait_ms");
        var minBytes = request.ReadInt32("min_bytes");
        var maxBytes = request.ReadInt32("max_bytes");
        var readCommitted = request.ReadInt8("isolation_level") == 1;
        var (sessionId, sessionEpoch) = version >= 7
            ? (request.ReadInt32("session_id"), request.ReadInt32("session_epoch"))
            : (0, NoSession);
        var parts = ReadParts(ref request, version, readCommitted);
        if (version >= 7) SkipForgotten(ref request, version);
        if (version >= 11) request.ReadString("rack_id");
        request.SkipTaggedFields();
        if (sessionId != 0 || sessionEpoch is not (FullSession or NoSession))
        {
            Write(context, [], ErrorCode.FetchSessionIdNotFound);
            return Task.CompletedTask;
        }

        return AnswerAsync(context, parts, new FetchLimits(minBytes, maxBytes, maxWaitMs));
    }

    private static List<FetchPart> ReadParts(ref KafkaReader request, short version, bool readCommitted)
    {
        var parts = new List<FetchPart>();
        var topics = request.ReadArrayLength("topics");
        for (var i = 0; i < topics; i++)
        {
            var id = version >= FirstWithTopicIds ? request.ReadUuid("topic_id") : Guid.Empty;
            var topic = version >= FirstWithTopicIds ? string.Empty : request.ReadString("topic");
            var partitions = request.ReadArrayLength("partitions");
            for (var j = 0; j < partitions; j++)
            {
                var partition = request.ReadInt32("partition");
                var epoch = version >= 9 ? request.ReadInt32("current_leader_epoch") : -1;
                var offset = request.ReadInt64("fetch_offset");
                if (version >= 12) request.ReadInt32("last_fetched_epoch");
                if (version >= 5) request.ReadInt64("log_start_offset");
                var maxBytes = request.ReadInt32("partition_max_bytes");
                request.SkipTaggedFields();
                parts.Add(new FetchPart(i, id, new TopicPartition(topic, partition), offset, epoch, maxBytes, readCommitted));
            }

            request.SkipTaggedFields();
        }

        return parts;
    }

    private static void SkipForgotten(ref KafkaReader request, short version)
    {
        var topics = request.ReadArrayLength("forgotten_topics_data");
        for (var i = 0; i < topics; i++)
        {
            if (version >= FirstWithTopicIds) request.ReadUuid("topic_id");
            else request.ReadString("topic");
            request.ReadInt32Array("partitions");
            request.SkipTaggedFields();
        }
    }

    private static async Task AnswerAsync(RequestContext context, List<FetchPart> parts, FetchLimits limits)
    {
        if (context.ApiVersion >= FirstWithTopicIds && parts.Count > 0)
        {
            var topics = await context.Cluster.GetTopicsAsync().ConfigureAwait(false);
            foreach (var part in parts) part.Name(topics.Find(part.TopicId)?.Name);
        }

        using var session = new FetchSession(context, parts, limits);
        await session.RunAsync().ConfigureAwait(false);
        Write(context, parts, ErrorCode.None);
    }

    private static void Write(RequestContext context, List<FetchPart> parts, ErrorCode error)
    {
        var (response, version) = (context.Response, context.ApiVersion);
        response.WriteInt32(0); // throttle_time_ms
        if (version >= 7)
        {
            response.WriteError(error);
            response.WriteInt32(0); // session_id
        }

        var topics = parts.Count == 0 ? 0 : parts[^1].Topic + 1;
        response.WriteArrayLength(topics);
        for (int topic = 0, at = 0; topic < topics; topic++)
        {
            var end = at;
            while (end < parts.Count && parts[end].Topic == topic) end++;
            if (version >= FirstWithTopicIds) response.WriteUuid(end > at ? parts[at].TopicId : Guid.Empty);
            else response.WriteString(end > at ? parts[at].Partition.Topic : string.Empty);
            response.WriteArrayLength(end - at);
            for (; at < end; at++) WritePart(response, version, parts[at]);
            response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }

    private static void WritePart(KafkaWriter response, short version, FetchPart part)
    {
        response.WriteInt32(part.Partition.Partition);
        response.WriteError(part.Error);
        response.WriteInt64(part.Response?.HighWatermark ?? -1);
        response.WriteInt64(part.Response?.LastStableOffset ?? -1);
        if (version >= 5) response.WriteInt64(part.Response?.LogStartOffset ?? -1);
        response.WriteArrayLength(part.ReadCommitted ? 0 : -1); // aborted_transactions
        if (version >= 11) response.WriteInt32(-1); // preferred_read_replica
        response.WriteRecords(part.TakeRecords());
        response.WriteTaggedFields();
    }
}
