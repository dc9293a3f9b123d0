using System.Buffers.Binary;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// Produce 3-9; 0-2 are advertised, because librdkafka compresses by gzip, snappy and lz4 only with a broker that has them, and
/// answered with UnsupportedVersion, as there are no such message sets any more. Version 1 adds the throttle time, 2 the append
/// time, 3 the transactional id and record batches, 5 the log start offset, 7 zstd, 8 messages for people and the records
/// that a batch is refused for, 9 is flexible.
/// <para>Records are appended from the memory that they were received into. Requests of a connection are begun in their order and
/// wait for the disk together. A transactional id is refused: there are no transactions yet. Versions from 10 on, which name the
/// new leader in a refusal, are not offered yet.</para>
/// </summary>
internal sealed class ProduceApi() : KafkaApi(ApiKey.Produce, minVersion: 0, maxVersion: 9, flexibleFrom: 9)
{
    private const short FirstServed = 3;
    private const short FirstWithZstd = 7;

    /// <summary>Below Orleans' own limit for a call, so that the partition says what happened.</summary>
    private const int MaxTimeoutMs = 25_000;

    /// <inheritdoc/>
    public override bool IsPipelined => true;

    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var version = context.ApiVersion;
        var transactionalId = version >= FirstServed ? request.ReadNullableString("transactional_id") : null;
        var acks = request.ReadInt16("acks");
        var timeoutMs = request.ReadInt32("timeout_ms");
        var parts = new List<Part>(1);
        var topics = request.ReadArrayLength("topic_data");
        for (var i = 0; i < topics; i++)
        {
            var topic = request.ReadString("name");
            var partitions = request.ReadArrayLength("partition_data");
            for (var j = 0; j < partitions; j++)
            {
                var partition = request.ReadInt32("index");
                var records = request.ReadNullableBytes("records") ?? default;
                request.SkipTaggedFields();
                parts.Add(new Part(i, new TopicPartition(topic, partition), records));
            }

            request.SkipTaggedFields();
        }

        request.SkipTaggedFields();
        context.HasNoResponse = acks == 0;
        Refuse(parts, version, transactionalId, acks);
        return AnswerAsync(context, parts, topics, acks, Math.Clamp(timeoutMs, 1, MaxTimeoutMs));
    }

    private static void Refuse(List<Part> parts, short version, string? transactionalId, short acks)
    {
        foreach (var part in parts)
        {
            part.Refusal = (version, acks) switch
            {
                ( < FirstServed, _) => (ErrorCode.UnsupportedVersion, "Message sets before the record batch are not taken; produce with version 3 or later."),
                (_, < -1 or > 1) => (ErrorCode.InvalidRequiredAcks, $"acks is {acks}; it must be -1, 0 or 1."),
                _ when transactionalId is not null => (ErrorCode.UnsupportedVersion, $"There are no transactions yet; transactional id '{transactionalId}'."),
                _ => CheckBatch(part.Records.Span, version),
            };
        }
    }

    /// <summary>What Kafka demands of the records of a request before it looks into them: one batch of the present format.</summary>
    private static (ErrorCode, string)? CheckBatch(ReadOnlySpan<byte> records, short version)
    {
        const int LengthAt = 8, LengthCovers = 12, MagicAt = 16, AttributesAt = 21, CodecMask = 7;
        if (records.IsEmpty) return (ErrorCode.InvalidRecord, "There is no record batch.");
        if (records.Length <= AttributesAt + 1) return (ErrorCode.CorruptMessage, $"{records.Length} bytes are no record batch.");
        if (records[MagicAt] != 2)
            return (ErrorCode.InvalidRecord, $"Records of magic {records[MagicAt]} are not taken; record batches have magic 2.");
        long first = (long)LengthCovers + BinaryPrimitives.ReadInt32BigEndian(records[LengthAt..]);
        if (first > LengthCovers && first < records.Length)
            return (ErrorCode.InvalidRecord, "There is more than one record batch for the partition.");
        if (version < FirstWithZstd && (records[AttributesAt + 1] & CodecMask) == (int)CompressionType.Zstd)
            return (ErrorCode.UnsupportedCompressionType, $"zstd may be sent from version {FirstWithZstd} on; this is {version}.");
        return null;
    }

    private static async Task AnswerAsync(RequestContext context, List<Part> parts, int topics, short acks, int timeoutMs)
    {
        Task? ordered = null;
        foreach (var part in parts)
        {
            if (part.Refusal is { } refusal)
            {
                part.Outcome = Task.FromResult(new Answer<ProduceResponse>(refusal.Error, refusal.Message, null));
                continue;
            }

            // A leader on this node appends at once, and so in the order of the requests. For another, which takes office with the
            // call or is elsewhere, the requests that follow wait.
            var produce = new ProduceRequest(RecordBytes.Borrow(part.Records), acks, timeoutMs);
            var local = context.Cluster.FindLocal(part.Partition);
            part.Outcome = ProduceAsync(context, part, produce, local);
            if (local is null) ordered = ordered is null ? part.Outcome : Task.WhenAll(ordered, part.Outcome);
        }

        if (ordered is not null) context.Ordered = ordered;
        foreach (var part in parts) await part.Outcome.ConfigureAwait(false);
        if (acks != 0) Write(context, parts, topics);
        else CloseOnError(context, parts);
    }

    private static async Task<Answer<ProduceResponse>> ProduceAsync(
        RequestContext context, Part part, ProduceRequest request, ILocalLeader? local)
    {
        var partition = part.Partition;
        try
        {
            Task<ProduceResponse> produced;
            if (local is null)
            {
                await PartitionCalls.RequireHereAsync(context, partition).ConfigureAwait(false);
                produced = context.Grains.GetPartition(partition).Produce(request);
            }
            else
            {
                produced = local.ProduceAsync(request);
            }

            return new Answer<ProduceResponse>(ErrorCode.None, null, await produced.ConfigureAwait(false));
        }
        catch (OrleansLogException e)
        {
            var (error, message) = PartitionCalls.Explain(e)!.Value;
            part.RefusedRecords = e.RefusedRecords;
            return new Answer<ProduceResponse>(error, message, null);
        }
        catch (Exception e)
        {
            // The call may still be under way, with the memory of the request.
            context.AbandonFrame();
            if (PartitionCalls.Explain(e) is not var (error, message)) throw;
            return new Answer<ProduceResponse>(error, message, null);
        }
    }

    private static void Write(RequestContext context, List<Part> parts, int topics)
    {
        var (response, version) = (context.Response, context.ApiVersion);
        response.WriteArrayLength(topics);
        for (int topic = 0, at = 0; topic < topics; topic++)
        {
            var end = at;
            while (end < parts.Count && parts[end].Topic == topic) end++;
            // A topic without partitions has no name here, and nobody has a use for it.
            response.WriteString(end > at ? parts[at].Partition.Topic : string.Empty);
            response.WriteArrayLength(end - at);
            for (; at < end; at++) WritePart(response, version, parts[at]);
            response.WriteTaggedFields();
        }

        if (version >= 1) response.WriteInt32(0); // throttle_time_ms
        response.WriteTaggedFields();
    }

    private static void WritePart(KafkaWriter response, short version, Part part)
    {
        var (error, message, value) = part.Outcome.Result;
        response.WriteInt32(part.Partition.Partition);
        response.WriteError(error);
        response.WriteInt64(value?.BaseOffsets[0] ?? -1);
        if (version >= 2) response.WriteInt64(value?.LogAppendTimeMs ?? -1);
        if (version >= 5) response.WriteInt64(value?.LogStartOffset ?? -1);
        if (version >= 8)
        {
            response.WriteArrayLength(part.RefusedRecords.Count); // record_errors
            foreach (var record in part.RefusedRecords)
            {
                response.WriteInt32(record);
                response.WriteString(null); // the message for all stands below
                response.WriteTaggedFields();
            }

            response.WriteString(message);
        }

        response.WriteTaggedFields();
    }

    /// <summary>A client that does not listen learns of an error by the end of its connection, as with Kafka.</summary>
    private static void CloseOnError(RequestContext context, List<Part> parts)
    {
        foreach (var part in parts)
        {
            if (part.Outcome.Result is not { Error: not ErrorCode.None } failed) continue;
            context.CloseReason = $"a request with acks=0 to {part.Partition} failed with {failed.Error}: {failed.Message}";
            return;
        }
    }

    private sealed class Part(int topic, TopicPartition partition, Memory<byte> records)
    {
        public int Topic => topic;

        public TopicPartition Partition => partition;

        public Memory<byte> Records => records;

        public (ErrorCode Error, string Message)? Refusal { get; set; }

        /// <summary>Those for whose sake the batch is refused; a client takes them out and sends the others again.</summary>
        public IReadOnlyList<int> RefusedRecords { get; set; } = [];

        public Task<Answer<ProduceResponse>> Outcome { get; set; } = null!;
    }
}
