using OrleansLog.Kafka.Protocol;
using OrleansLog.Tests.Grains;
using Xunit;

namespace OrleansLog.Tests.Kafka;

/// <summary>Making, changing and describing things, in the newest versions; the older ones are sent by the real clients.</summary>
public sealed class AdminApiTests : IAsyncLifetime
{
    private const sbyte Topic = 2, Broker = 4;
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
    public async Task A_topic_is_made_described_extended_and_deleted()
    {
        var made = await CreateAsync("t", partitions: 2, validateOnly: false, ("retention.ms", "5000"));
        Assert.Equal((ErrorCode.None, null, 2), (made.Error, made.Message, made.Partitions));
        Assert.NotEqual(Guid.Empty, made.Id);
        Assert.Equal(ErrorCode.TopicAlreadyExists, (await CreateAsync("t", 2, false)).Error);
        Assert.Equal(ErrorCode.None, (await CreateAsync("checked", 1, validateOnly: true)).Error);
        Assert.Equal(ErrorCode.UnknownTopicOrPartition, (await _peer.MetadataAsync("checked", mayCreate: false)).Error);
        Assert.Equal(ErrorCode.InvalidConfig, (await CreateAsync("u", 1, false, ("retention.mss", "1"))).Error);
        Assert.Equal(ErrorCode.InvalidTopic, (await CreateAsync("no name", 1, false)).Error);

        Assert.Equal(ErrorCode.None, await ExtendAsync("t", 4));
        Assert.Equal(ErrorCode.InvalidPartitions, await ExtendAsync("t", 3));
        var described = await _peer.MetadataAsync("t", mayCreate: false);
        Assert.Equal((made.Id, 4), (described.Id, described.Partitions.Length));
        Assert.All(described.Partitions, partition => Assert.Equal((ErrorCode.None, 1), (partition.Error, partition.Leader)));

        Assert.Equal(ErrorCode.UnknownTopicId, await DeleteAsync(null, Guid.NewGuid()));
        Assert.Equal(ErrorCode.None, await DeleteAsync(null, made.Id));
        Assert.Equal(ErrorCode.UnknownTopicOrPartition, await DeleteAsync("t", Guid.Empty));
    }

    [Fact]
    public async Task Configurations_are_changed_one_by_one_and_all_at_once()
    {
        await CreateAsync("t", 1, false, ("retention.ms", "5000"));
        Assert.Equal(ErrorCode.None, await AlterIncrementallyAsync("t", ("segment.bytes", 0, "2000000"), ("cleanup.policy", 2, "compact")));
        var configs = await DescribeConfigsAsync(Topic, "t");
        Assert.Equal(("5000", 1), configs["retention.ms"]);
        Assert.Equal(("2000000", 1), configs["segment.bytes"]);
        Assert.Equal(["compact", "delete"], configs["cleanup.policy"].Value!.Split(',').Order());
        Assert.Equal(ErrorCode.None, await AlterIncrementallyAsync("t", ("retention.ms", 1, null), ("cleanup.policy", 3, "delete")));
        configs = await DescribeConfigsAsync(Topic, "t");
        Assert.Equal(("604800000", 5), configs["retention.ms"]);
        Assert.Equal(("compact", 1), configs["cleanup.policy"]);
        Assert.Equal(ErrorCode.InvalidConfig, await AlterIncrementallyAsync("t", ("retention.ms", 2, "1")));
        Assert.Equal(ErrorCode.InvalidConfig, await AlterIncrementallyAsync("t", ("retention.ms", 0, "soon")));

        Assert.Equal(ErrorCode.None, await AlterAsync("t", ("retention.ms", "7")));
        configs = await DescribeConfigsAsync(Topic, "t");
        Assert.Equal(("7", 1), configs["retention.ms"]);
        Assert.Equal(5, configs["segment.bytes"].Source);
        var settings = await DescribeConfigsAsync(Broker, "1");
        Assert.Equal("1", settings["node.id"].Value);
        Assert.Equal($"PLAINTEXT://127.0.0.1:{_silo.Port}", settings["advertised.listeners"].Value);
    }

    [Fact]
    public async Task The_cluster_and_its_disks_are_described()
    {
        await _peer.MetadataAsync("t");
        await _peer.ProduceAsync("t", Batches.Of("a"));
        var cluster = await _peer.AskAsync(ApiKey.DescribeCluster, 1, true, request =>
        {
            request.WriteBoolean(true);
            request.WriteInt8(1);
            request.WriteTaggedFields();
        });
        cluster.Int32();
        Assert.Equal(ErrorCode.None, cluster.Error());
        cluster.Text();
        Assert.Equal(1, cluster.Int8());
        Assert.NotEmpty(cluster.Text()!);
        Assert.Equal((1, 1, 1), (cluster.Int32(), cluster.ArrayLength(), cluster.Int32()));
        Assert.Equal(("127.0.0.1", _silo.Port), (cluster.Text(), cluster.Int32()));

        var disks = await _peer.AskAsync(ApiKey.DescribeLogDirs, 4, true, request =>
        {
            request.WriteArrayLength(-1);
            request.WriteTaggedFields();
        });
        disks.Int32();
        Assert.Equal((ErrorCode.None, 1, ErrorCode.None), (disks.Error(), disks.ArrayLength(), disks.Error()));
        disks.Text();
        Assert.Equal((1, "t", 1, 0), (disks.ArrayLength(), disks.Text(), disks.ArrayLength(), disks.Int32()));
        Assert.Equal(Batches.Of("a").Length, disks.Int64());
        disks.Int64();
        disks.Boolean();
        disks.Tags().Tags();
        Assert.True(disks.Int64() > 0 && disks.Int64() > 0);
        disks.Tags().Tags();
        Assert.True(disks.IsAtEnd);
    }

    [Fact]
    public async Task Partitions_are_described_a_page_at_a_time()
    {
        await CreateAsync("a", 3, false);
        await CreateAsync("b", 2, false);
        var (first, next) = await PageAsync(null);
        Assert.Equal(["a-0", "a-1"], first);
        Assert.Equal(("a", 2), next);
        var (second, last) = await PageAsync(next);
        Assert.Equal(["a-2", "b-0"], second);
        Assert.Equal(("b", 1), last);
        Assert.Equal(["b-1"], (await PageAsync(last)).Partitions);

        async Task<(List<string> Partitions, (string, int)? Next)> PageAsync((string Topic, int Partition)? cursor)
        {
            var response = await _peer.AskAsync(ApiKey.DescribeTopicPartitions, 0, true, request =>
            {
                request.WriteArrayLength(0);
                request.WriteInt32(2);
                request.WriteInt8((sbyte)(cursor is null ? -1 : 1));
                if (cursor is var (topic, partition))
                {
                    request.WriteString(topic);
                    request.WriteInt32(partition);
                    request.WriteTaggedFields();
                }

                request.WriteTaggedFields();
            });
            var found = new List<string>();
            response.Int32();
            for (var topics = response.ArrayLength(); topics > 0; topics--)
            {
                Assert.Equal(ErrorCode.None, response.Error());
                var topic = response.Text();
                response.Uuid();
                response.Boolean();
                for (var partitions = response.ArrayLength(); partitions > 0; partitions--)
                {
                    Assert.Equal(ErrorCode.None, response.Error());
                    found.Add($"{topic}-{response.Int32()}");
                    response.Int64();
                    for (var lists = 0; lists < 5; lists++) response.Int32Array();
                    response.Tags();
                }

                response.Int32();
                response.Tags();
            }

            return (found, response.Int8() < 0 ? null : (response.Text()!, response.Int32()));
        }
    }

    [Fact]
    public async Task A_partition_led_by_its_preferred_replica_needs_no_election_and_records_are_deleted()
    {
        await _peer.MetadataAsync("t");
        await _peer.ProduceAsync("t", Batches.Of("a", "b", "c"));
        var election = await _peer.AskAsync(ApiKey.ElectLeaders, 2, true, request =>
        {
            request.WriteInt8(0);
            WriteOne(request, () => request.WriteInt32Array([0, 7]));
            request.WriteInt32(1000);
            request.WriteTaggedFields();
        });
        election.Int32();
        Assert.Equal((ErrorCode.None, 1, "t", 2), (election.Error(), election.ArrayLength(), election.Text(), election.ArrayLength()));
        Assert.Equal((0, ErrorCode.ElectionNotNeeded), (election.Int32(), election.Error()));
        election.Text();
        election.Tags();
        Assert.Equal((7, ErrorCode.UnknownTopicOrPartition), (election.Int32(), election.Error()));

        var deleted = await _peer.AskAsync(ApiKey.DeleteRecords, 2, true, request =>
        {
            WriteOne(request, () =>
            {
                request.WriteArrayLength(1);
                request.WriteInt32(0);
                request.WriteInt64(2);
                request.WriteTaggedFields();
            });
            request.WriteInt32(1000);
            request.WriteTaggedFields();
        });
        deleted.Int32();
        Assert.Equal((1, "t", 1, 0, 2L), (deleted.ArrayLength(), deleted.Text(), deleted.ArrayLength(), deleted.Int32(), deleted.Int64()));
        Assert.Equal(ErrorCode.None, deleted.Error());
        Assert.Equal(ErrorCode.OffsetOutOfRange, (await _peer.FetchAsync([("t", 0)]))[0].Error);
    }

    private static void WriteOne(KafkaWriter request, Action partitions)
    {
        request.WriteArrayLength(1);
        request.WriteString("t");
        partitions();
        request.WriteTaggedFields();
    }

    private async Task<(ErrorCode Error, string? Message, Guid Id, int Partitions)> CreateAsync(
        string topic, int partitions, bool validateOnly, params (string Name, string Value)[] configs)
    {
        var response = await _peer.AskAsync(ApiKey.CreateTopics, 7, true, request =>
        {
            request.WriteArrayLength(1);
            request.WriteString(topic);
            request.WriteInt32(partitions);
            request.WriteInt16(-1);
            request.WriteArrayLength(0);
            request.WriteArrayLength(configs.Length);
            foreach (var (name, value) in configs)
            {
                request.WriteString(name);
                request.WriteString(value);
                request.WriteTaggedFields();
            }

            request.WriteTaggedFields();
            request.WriteInt32(1000);
            request.WriteBoolean(validateOnly);
            request.WriteTaggedFields();
        });
        response.Int32();
        response.ArrayLength();
        response.Text();
        var id = response.Uuid();
        return (response.Error(), response.Text(), id, response.Int32());
    }

    private async Task<ErrorCode> ExtendAsync(string topic, int count)
    {
        var response = await _peer.AskAsync(ApiKey.CreatePartitions, 3, true, request =>
        {
            request.WriteArrayLength(1);
            request.WriteString(topic);
            request.WriteInt32(count);
            request.WriteArrayLength(-1);
            request.WriteTaggedFields();
            request.WriteInt32(1000);
            request.WriteBoolean(false);
            request.WriteTaggedFields();
        });
        response.Int32();
        response.ArrayLength();
        response.Text();
        return response.Error();
    }

    private async Task<ErrorCode> DeleteAsync(string? topic, Guid id)
    {
        var response = await _peer.AskAsync(ApiKey.DeleteTopics, 6, true, request =>
        {
            request.WriteArrayLength(1);
            request.WriteString(topic);
            request.WriteUuid(id);
            request.WriteTaggedFields();
            request.WriteInt32(1000);
            request.WriteTaggedFields();
        });
        response.Int32();
        response.ArrayLength();
        response.Text();
        response.Uuid();
        return response.Error();
    }

    private async Task<ErrorCode> AlterIncrementallyAsync(string topic, params (string Name, int Operation, string? Value)[] changes)
    {
        var response = await _peer.AskAsync(ApiKey.IncrementalAlterConfigs, 1, true, request =>
        {
            request.WriteArrayLength(1);
            request.WriteInt8(Topic);
            request.WriteString(topic);
            request.WriteArrayLength(changes.Length);
            foreach (var (name, operation, value) in changes)
            {
                request.WriteString(name);
                request.WriteInt8((sbyte)operation);
                request.WriteString(value);
                request.WriteTaggedFields();
            }

            request.WriteTaggedFields();
            request.WriteBoolean(false);
            request.WriteTaggedFields();
        });
        response.Int32();
        response.ArrayLength();
        return response.Error();
    }

    private async Task<ErrorCode> AlterAsync(string topic, params (string Name, string? Value)[] configs)
    {
        var response = await _peer.AskAsync(ApiKey.AlterConfigs, 2, true, request =>
        {
            request.WriteArrayLength(1);
            request.WriteInt8(Topic);
            request.WriteString(topic);
            request.WriteArrayLength(configs.Length);
            foreach (var (name, value) in configs)
            {
                request.WriteString(name);
                request.WriteString(value);
                request.WriteTaggedFields();
            }

            request.WriteTaggedFields();
            request.WriteBoolean(false);
            request.WriteTaggedFields();
        });
        response.Int32();
        response.ArrayLength();
        return response.Error();
    }

    private async Task<Dictionary<string, (string? Value, int Source)>> DescribeConfigsAsync(sbyte type, string name)
    {
        var response = await _peer.AskAsync(ApiKey.DescribeConfigs, 4, true, request =>
        {
            request.WriteArrayLength(1);
            request.WriteInt8(type);
            request.WriteString(name);
            request.WriteArrayLength(-1);
            request.WriteTaggedFields();
            request.WriteBoolean(false);
            request.WriteBoolean(false);
            request.WriteTaggedFields();
        });
        response.Int32();
        response.ArrayLength();
        Assert.Equal(ErrorCode.None, response.Error());
        response.Text();
        response.Int8();
        response.Text();
        var configs = new Dictionary<string, (string?, int)>();
        for (var left = response.ArrayLength(); left > 0; left--)
        {
            var config = response.Text()!;
            var value = response.Text();
            response.Boolean();
            configs.Add(config, (value, response.Int8()));
            response.Boolean();
            response.ArrayLength();
            response.Int8();
            response.Text();
            response.Tags();
        }

        return configs;
    }
}
