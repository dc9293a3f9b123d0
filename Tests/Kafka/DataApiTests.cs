using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;
using OrleansLog.Tests.Grains;
using Xunit;

namespace OrleansLog.Tests.Kafka;

/// <summary>Producing, fetching and looking offsets up: what is answered, and with which errors.</summary>
public sealed class DataApiTests : IAsyncLifetime
{
    private KafkaSilo _silo = null!;
    private KafkaPeer _peer = null!;

    public async Task InitializeAsync()
    {
        _silo = await KafkaSilo.StartAsync();
        _peer = await _silo.ConnectAsync();
    }

    public async Task DisposeAsync()
    {
        _peer.Dispose();
        await _silo.DisposeAsync();
    }

    [Fact]
    public async Task Records_come_back_as_they_were_sent()
    {
        await _peer.MetadataAsync("t");
        var batch = Batches.Of("a", "b");
        Assert.Equal((ErrorCode.None, 0, null), await _peer.ProduceAsync("t", batch));
        Assert.Equal((ErrorCode.None, 2, null), await _peer.ProduceAsync("t", batch, version: 3));
        var (_, error, highWatermark, records) = Assert.Single(await _peer.FetchAsync([("t", 0)]));
        Assert.Equal((ErrorCode.None, 4), (error, highWatermark));
        // Base offset and leader epoch lie outside the CRC; all else is the producer's.
        Assert.Equal(batch.Length * 2, records!.Length);
        Assert.Equal(batch[17..], records[17..batch.Length]);
        Assert.True(RecordBatch.IsCrcValid(records.AsSpan(0, batch.Length)));
        Assert.True(RecordBatch.IsCrcValid(records.AsSpan(batch.Length)));
    }

    [Fact]
    public async Task Records_that_Kafka_refuses_are_refused_with_its_errors()
    {
        await _peer.MetadataAsync("t");
        var batch = Batches.Of("a");
        byte[] corrupt = [.. batch];
        corrupt[^1] ^= 1;
        byte[] old = [.. batch];
        old[16] = 1;
        byte[] zstd = [.. batch];
        zstd[22] |= 4;
        Assert.Equal(ErrorCode.CorruptMessage, (await _peer.ProduceAsync("t", corrupt)).Error);
        Assert.Equal(ErrorCode.InvalidRecord, (await _peer.ProduceAsync("t", old)).Error);
        Assert.Equal(ErrorCode.InvalidRecord, (await _peer.ProduceAsync("t", null)).Error);
        Assert.Equal(ErrorCode.InvalidRecord, (await _peer.ProduceAsync("t", [.. batch, .. batch])).Error);
        Assert.Equal(ErrorCode.CorruptMessage, (await _peer.ProduceAsync("t", [1, 2, 3])).Error);
        Assert.Equal(ErrorCode.UnsupportedCompressionType, (await _peer.ProduceAsync("t", zstd, version: 6)).Error);
        Assert.Equal(ErrorCode.InvalidRequiredAcks, (await _peer.ProduceAsync("t", batch, acks: 2)).Error);
        Assert.Equal(ErrorCode.UnsupportedVersion, (await _peer.ProduceAsync("t", batch, transactionalId: "x")).Error);
        Assert.Equal(ErrorCode.UnknownTopicOrPartition, (await _peer.ProduceAsync("none", batch)).Error);
        Assert.Equal(0, (await _peer.ProduceAsync("t", batch)).BaseOffset);
    }

    [Fact]
    public async Task A_refused_batch_names_the_records_it_is_refused_for()
    {
        await _silo.Cluster.Grains.GetCatalog().CreateTopic(
            new CreateTopicRequest("t", 1, 1, new Dictionary<string, string> { ["cleanup.policy"] = "compact" }));
        using var builder = new RecordBatchBuilder(1024);
        foreach (var hasKey in (bool[])[false, true, false])
            Assert.True(builder.TryAppend(1, "k"u8.ToArray(), hasKey, "v"u8.ToArray(), true));
        var batch = builder.Build().ToArray();
        int[] withoutKey = [0, 2];
        Assert.Equal(withoutKey, await RefusedAsync(version: 8));
        Assert.Equal(withoutKey, await RefusedAsync(version: 9));
        Assert.Equal(ErrorCode.InvalidRecord, (await _peer.ProduceAsync("t", batch, version: 7)).Error);

        async Task<int[]> RefusedAsync(short version)
        {
            var isFlexible = version >= 9;
            var response = await _peer.AskAsync(ApiKey.Produce, version, isFlexible, request => KafkaRequests.WriteProduce(request, "t", batch));
            response.ArrayLength();
            response.Text();
            response.ArrayLength();
            response.Int32();
            Assert.Equal((ErrorCode.InvalidRecord, -1L), (response.Error(), response.Int64()));
            response.Int64();
            response.Int64();
            var records = new int[response.ArrayLength()];
            for (var i = 0; i < records.Length; i++)
            {
                records[i] = response.Int32();
                Assert.Null(response.Text());
                if (isFlexible) response.Tags();
            }

            Assert.Contains("no key", response.Text(), StringComparison.Ordinal);
            return records;
        }
    }

    [Fact]
    public async Task A_message_set_is_answered_with_UnsupportedVersion()
    {
        await _peer.MetadataAsync("t");
        var response = await _peer.AskAsync(ApiKey.Produce, 2, isFlexible: false, request =>
        {
            request.WriteInt16(1);
            request.WriteInt32(1000);
            request.WriteArrayLength(1);
            request.WriteString("t");
            request.WriteArrayLength(1);
            request.WriteInt32(0);
            request.WriteBytes(new byte[40]);
        });
        Assert.Equal((ErrorCode.UnsupportedVersion, -1, null), KafkaRequests.ReadProduced(response, version: 2));
    }

    [Fact]
    public async Task With_acks_0_there_is_no_response_and_an_error_closes_the_connection()
    {
        await _peer.MetadataAsync("t");
        await _peer.SendAsync(ApiKey.Produce, 9, true, request => KafkaRequests.WriteProduce(request, "t", Batches.Of("a"), acks: 0));
        Assert.Equal((ErrorCode.None, 1, null), await _peer.ProduceAsync("t", Batches.Of("b")));
        await _peer.SendAsync(ApiKey.Produce, 9, true, request => KafkaRequests.WriteProduce(request, "none", Batches.Of("a"), acks: 0));
        await _peer.WhenClosedAsync();
    }

    [Fact]
    public async Task One_whole_batch_is_returned_however_small_the_size_and_no_second_one()
    {
        foreach (var topic in (string[])["a", "b"])
        {
            await _peer.MetadataAsync(topic);
            await _peer.ProduceAsync(topic, Batches.Of(new string('x', 5000)));
            await _peer.ProduceAsync(topic, Batches.Of(new string('y', 5000)));
        }

        var one = Assert.Single(await _peer.FetchAsync([("a", 0)], partitionMaxBytes: 1));
        Assert.InRange(one.Records!.Length, 5000, 5200);
        var both = await _peer.FetchAsync([("a", 0), ("b", 0)], maxBytes: 100);
        Assert.InRange(both[0].Records!.Length, 5000, 5200);
        Assert.Empty(both[1].Records!);
        Assert.Equal(2, both[1].HighWatermark);
    }

    [Fact]
    public async Task A_long_poll_of_several_partitions_ends_when_one_of_them_has_something()
    {
        foreach (var topic in (string[])["a", "b", "c"]) await _peer.MetadataAsync(topic);
        var polling = _peer.FetchAsync([("a", 0), ("b", 0), ("c", 0)], maxWaitMs: 20_000);
        using var other = await _silo.ConnectAsync();
        Assert.Equal(ErrorCode.None, (await other.ProduceAsync("b", Batches.Of("x"))).Error);
        var fetched = await polling.WaitAsync(TimeSpan.FromSeconds(15));
        Assert.Equal([0, 1, 0], fetched.Select(part => part.Records!.Length > 0 ? 1 : 0));
    }

    [Fact]
    public async Task A_long_poll_waits_for_the_bytes_of_all_partitions_together()
    {
        foreach (var topic in (string[])["a", "b"]) await _peer.MetadataAsync(topic);
        var polling = _peer.FetchAsync([("a", 0), ("b", 0)], maxWaitMs: 20_000, minBytes: 1500);
        using var other = await _silo.ConnectAsync();
        await other.ProduceAsync("a", Batches.Of(new string('x', 1000)));
        await other.ProduceAsync("b", Batches.Of(new string('x', 1000)));
        var fetched = await polling.WaitAsync(TimeSpan.FromSeconds(15));
        Assert.All(fetched, part => Assert.InRange(part.Records!.Length, 1000, 1200));
    }

    [Fact]
    public async Task A_fetch_is_refused_with_Kafkas_errors()
    {
        var epoch = (await _peer.MetadataAsync("t")).Partitions[0].Epoch;
        await _peer.ProduceAsync("t", Batches.Of("a"));
        Assert.Equal(ErrorCode.OffsetOutOfRange, (await _peer.FetchAsync([("t", 2)], maxWaitMs: 20_000))[0].Error);
        Assert.Equal(ErrorCode.UnknownTopicOrPartition, (await _peer.FetchAsync([("none", 0)]))[0].Error);
        Assert.Equal(ErrorCode.UnknownLeaderEpoch, (await _peer.FetchAsync([("t", 0)], leaderEpoch: epoch + 1))[0].Error);
        Assert.Equal(ErrorCode.FetchSessionIdNotFound, (await _peer.FetchAsync([("t", 0)], sessionId: 5))[0].Error);
        Assert.Equal(ErrorCode.None, (await _peer.FetchAsync([("t", 0)], leaderEpoch: epoch))[0].Error);
    }

    [Fact]
    public async Task A_fetch_by_topic_id_finds_the_topic()
    {
        var id = (await _peer.MetadataAsync("t")).Id;
        await _peer.ProduceAsync("t", Batches.Of("a"));
        Assert.Equal(ErrorCode.None, await FetchByIdAsync(id));
        Assert.Equal(ErrorCode.UnknownTopicId, await FetchByIdAsync(Guid.NewGuid()));

        async Task<ErrorCode> FetchByIdAsync(Guid topic)
        {
            var response = await _peer.AskAsync(ApiKey.Fetch, 13, isFlexible: true, request =>
            {
                foreach (var value in (int[])[-1, 0, 1, 1_000_000]) request.WriteInt32(value);
                request.WriteInt8(0);
                request.WriteInt32(0);
                request.WriteInt32(-1);
                request.WriteArrayLength(1);
                request.WriteUuid(topic);
                request.WriteArrayLength(1);
                request.WriteInt32(0);
                request.WriteInt32(-1);
                request.WriteInt64(0);
                request.WriteInt32(-1);
                request.WriteInt64(-1);
                request.WriteInt32(1_000_000);
                request.WriteTaggedFields();
                request.WriteTaggedFields();
                request.WriteArrayLength(0);
                request.WriteString(string.Empty);
                request.WriteTaggedFields();
            });
            response.Int32();
            response.Int16();
            response.Int32();
            response.ArrayLength();
            Assert.Equal(topic, response.Uuid());
            response.ArrayLength();
            response.Int32();
            return response.Error();
        }
    }

    [Fact]
    public async Task Offsets_are_found_by_name_and_by_time()
    {
        await _peer.MetadataAsync("t");
        var noon = new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);
        await _peer.ProduceAsync("t", Batches.Of(["a", "b"], -1, -1, noon));
        await _peer.ProduceAsync("t", Batches.Of(["c"], -1, -1, noon.AddHours(1)));
        Assert.Equal((ErrorCode.None, 0), await FindAsync(OffsetSpec.Earliest));
        Assert.Equal((ErrorCode.None, 3), await FindAsync(OffsetSpec.Latest));
        Assert.Equal((ErrorCode.None, 2), await FindAsync(OffsetSpec.MaxTimestamp));
        Assert.Equal((ErrorCode.None, 2), await FindAsync(noon.AddMinutes(1).ToUnixTimeMilliseconds()));
        Assert.Equal((ErrorCode.None, -1), await FindAsync(noon.AddHours(2).ToUnixTimeMilliseconds()));
        Assert.Equal((ErrorCode.UnsupportedVersion, -1), await FindAsync(-4));
        Assert.Equal((ErrorCode.UnsupportedVersion, -1), await FindAsync(OffsetSpec.MaxTimestamp, version: 6));

        async Task<(ErrorCode, long)> FindAsync(long timestamp, short version = 7)
        {
            var response = await _peer.AskAsync(ApiKey.ListOffsets, version, isFlexible: true, request =>
            {
                request.WriteInt32(-1);
                request.WriteInt8(0);
                request.WriteArrayLength(1);
                request.WriteString("t");
                request.WriteArrayLength(1);
                request.WriteInt32(0);
                request.WriteInt32(-1);
                request.WriteInt64(timestamp);
                request.WriteTaggedFields();
                request.WriteTaggedFields();
                request.WriteTaggedFields();
            });
            response.Int32();
            response.ArrayLength();
            response.Text();
            response.ArrayLength();
            response.Int32();
            var error = response.Error();
            response.Int64();
            return (error, response.Int64());
        }
    }

    [Fact]
    public async Task A_producer_gets_an_id_of_its_own_and_a_transactional_one_none()
    {
        var first = await InitAsync(null);
        var second = await InitAsync(null);
        Assert.Equal((ErrorCode.None, ErrorCode.None), (first.Error, second.Error));
        Assert.True(first.Id >= 0 && second.Id > first.Id);
        Assert.Equal((ErrorCode.UnsupportedVersion, -1L), await InitAsync("tx"));

        async Task<(ErrorCode Error, long Id)> InitAsync(string? transactionalId)
        {
            var response = await _peer.AskAsync(ApiKey.InitProducerId, 4, isFlexible: true, request =>
            {
                request.WriteString(transactionalId);
                request.WriteInt32(1000);
                request.WriteInt64(-1);
                request.WriteInt16(-1);
                request.WriteTaggedFields();
            });
            response.Int32();
            return (response.Error(), response.Int64());
        }
    }

    [Fact]
    public async Task A_topic_is_made_only_for_those_who_let_it()
    {
        Assert.Equal(ErrorCode.UnknownTopicOrPartition, (await _peer.MetadataAsync("new", mayCreate: false)).Error);
        Assert.Equal(ErrorCode.InvalidTopic, (await _peer.MetadataAsync("no name")).Error);
        var made = await _peer.MetadataAsync("new");
        Assert.Equal(ErrorCode.None, made.Error);
        var partition = Assert.Single(made.Partitions);
        Assert.Equal((ErrorCode.None, 1), (partition.Error, partition.Leader));
        Assert.True(partition.Epoch >= 0);
        Assert.Equal(made.Id, (await _peer.MetadataAsync("new", mayCreate: false)).Id);
    }
}
