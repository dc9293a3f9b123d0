using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Tests.Kafka;

/// <summary>The requests that most tests send, in one version each.</summary>
internal static class KafkaRequests
{
    public const int MetadataVersion = 12, ProduceVersion = 9, FetchVersion = 12;

    /// <summary>Metadata of one topic: its error and its partitions' errors, leaders and epochs.</summary>
    public static async Task<(ErrorCode Error, Guid Id, (ErrorCode Error, int Leader, int Epoch)[] Partitions)> MetadataAsync(
        this KafkaPeer peer, string topic, bool mayCreate = true)
    {
        var (error, id, partitions) = await peer.FullMetadataAsync(topic, mayCreate);
        return (error, id, Array.ConvertAll(partitions, static each => (each.Error, each.Leader, each.Epoch)));
    }

    /// <summary>Metadata of one topic, with where its partitions' replicas are.</summary>
    public static async Task<(ErrorCode Error, Guid Id, TopologyRequests.Partition[] Partitions)> FullMetadataAsync(
        this KafkaPeer peer, string topic, bool mayCreate = true)
    {
        var response = await peer.AskAsync(ApiKey.Metadata, MetadataVersion, isFlexible: true, request =>
        {
            request.WriteArrayLength(1);
            request.WriteUuid(Guid.Empty);
            request.WriteString(topic);
            request.WriteTaggedFields();
            request.WriteBoolean(mayCreate);
            request.WriteBoolean(false);
            request.WriteTaggedFields();
        });
        response.Int32();
        for (var brokers = response.ArrayLength(); brokers > 0; brokers--)
        {
            response.Int32();
            response.Text();
            response.Int32();
            response.Text();
            response.Tags();
        }

        response.Text();
        response.Int32();
        response.ArrayLength();
        var error = response.Error();
        response.Text();
        var id = response.Uuid();
        response.Boolean();
        var partitions = new TopologyRequests.Partition[response.ArrayLength()];
        for (var i = 0; i < partitions.Length; i++)
        {
            var partitionError = response.Error();
            response.Int32();
            partitions[i] = new TopologyRequests.Partition(
                partitionError, response.Int32(), response.Int32(), response.Int32Array(), response.Int32Array());
            response.Int32Array();
            response.Tags();
        }

        return (error, id, partitions);
    }

    public static void WriteProduce(KafkaWriter request, string topic, byte[]? records, short acks = -1, string? transactionalId = null)
    {
        request.WriteString(transactionalId);
        request.WriteInt16(acks);
        request.WriteInt32(30_000);
        request.WriteArrayLength(1);
        request.WriteString(topic);
        request.WriteArrayLength(1);
        request.WriteInt32(0);
        if (records is null) request.WriteArrayLength(-1);
        else request.WriteBytes(records);
        request.WriteTaggedFields();
        request.WriteTaggedFields();
        request.WriteTaggedFields();
    }

    public static async Task<(ErrorCode Error, long BaseOffset, string? Message)> ProduceAsync(
        this KafkaPeer peer, string topic, byte[]? records, short acks = -1, string? transactionalId = null, short version = ProduceVersion) =>
        ReadProduced(
            await peer.AskAsync(
                ApiKey.Produce, version, version >= 9, request => WriteProduce(request, topic, records, acks, transactionalId)),
            version);

    public static (ErrorCode Error, long BaseOffset, string? Message) ReadProduced(KafkaResponse response, short version = ProduceVersion)
    {
        response.ArrayLength();
        response.Text();
        response.ArrayLength();
        response.Int32();
        var (error, offset) = (response.Error(), response.Int64());
        response.Int64();
        if (version >= 5) response.Int64();
        if (version >= 8) response.ArrayLength();
        return (error, offset, version >= 8 ? response.Text() : null);
    }

    /// <summary>Fetches from partition 0 of topics.</summary>
    public static async Task<(string Topic, ErrorCode Error, long HighWatermark, byte[]? Records)[]> FetchAsync(
        this KafkaPeer peer,
        (string Topic, long Offset)[] topics,
        int maxWaitMs = 0,
        int minBytes = 1,
        int maxBytes = 50_000_000,
        int partitionMaxBytes = 1_000_000,
        int leaderEpoch = -1,
        int sessionId = 0)
    {
        var response = await peer.AskAsync(
            ApiKey.Fetch, FetchVersion, isFlexible: true,
            request => WriteFetch(request, topics, maxWaitMs, minBytes, maxBytes, partitionMaxBytes, leaderEpoch, sessionId));
        return ReadFetched(response);
    }

    public static void WriteFetch(
        KafkaWriter request,
        (string Topic, long Offset)[] topics,
        int maxWaitMs = 0,
        int minBytes = 1,
        int maxBytes = 50_000_000,
        int partitionMaxBytes = 1_000_000,
        int leaderEpoch = -1,
        int sessionId = 0)
    {
        request.WriteInt32(-1);
        request.WriteInt32(maxWaitMs);
        request.WriteInt32(minBytes);
        request.WriteInt32(maxBytes);
        request.WriteInt8(0);
        request.WriteInt32(sessionId);
        request.WriteInt32(sessionId == 0 ? 0 : 1);
        request.WriteArrayLength(topics.Length);
        foreach (var (topic, offset) in topics)
        {
            request.WriteString(topic);
            request.WriteArrayLength(1);
            request.WriteInt32(0);
            request.WriteInt32(leaderEpoch);
            request.WriteInt64(offset);
            request.WriteInt32(-1);
            request.WriteInt64(-1);
            request.WriteInt32(partitionMaxBytes);
            request.WriteTaggedFields();
            request.WriteTaggedFields();
        }

        request.WriteArrayLength(0);
        request.WriteString(string.Empty);
        request.WriteTaggedFields();
    }

    private static (string Topic, ErrorCode Error, long HighWatermark, byte[]? Records)[] ReadFetched(KafkaResponse response)
    {
        response.Int32();
        var error = response.Error();
        if (response.Int32() != 0) throw new InvalidDataException("A session was granted.");
        if (error != ErrorCode.None) return [(string.Empty, error, -1, null)];
        var fetched = new (string, ErrorCode, long, byte[]?)[response.ArrayLength()];
        for (var i = 0; i < fetched.Length; i++)
        {
            var topic = response.Text()!;
            response.ArrayLength();
            response.Int32();
            var (partitionError, highWatermark) = (response.Error(), response.Int64());
            response.Int64();
            response.Int64();
            response.ArrayLength();
            response.Int32();
            fetched[i] = (topic, partitionError, highWatermark, response.Bytes());
            response.Tags().Tags();
        }

        return fetched;
    }
}
