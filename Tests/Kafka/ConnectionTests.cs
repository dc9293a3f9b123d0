using System.Buffers.Binary;
using OrleansLog.Kafka.Options;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Tests.Grains;
using Xunit;

namespace OrleansLog.Tests.Kafka;

/// <summary>What a connection does with frames that are none, with limits and with clients that do not behave.</summary>
public abstract class ConnectionTests(int threads)
{
    [Fact]
    public async Task Garbage_ends_its_own_connection_and_nothing_else()
    {
        await using var silo = await StartAsync(options => options.SocketRequestMaxBytes = 100_000);
        using var good = await silo.ConnectAsync();
        byte[][] frames =
        [
            [.. Size(100_001), .. new byte[64]],
            [.. Size(-1), 1, 2, 3],
            [.. Size(3), 1, 2, 3],
            "GET / HTTP/1.1\r\nHost: here\r\n\r\n"u8.ToArray(),
            [.. Size(10), 0, 71, 0, 0, 0, 0, 0, 1, 255, 255],
            [.. Size(10), 0x7f, 0xff, 0, 0, 0, 0, 0, 1, 255, 255],
            [.. Size(10), 0, 3, 0, 99, 0, 0, 0, 1, 255, 255],
            [.. Size(14), 0, 3, 0, 0, 0, 0, 0, 1, 255, 255, 0x7f, 255, 255, 255],
            [.. Size(10), 0, 3, 0, 0, 0, 0, 0, 1, 0x7f, 255],
        ];
        foreach (var frame in frames)
        {
            using var bad = await silo.ConnectAsync();
            await bad.SendAsync(frame);
            await bad.WhenClosedAsync();
        }

        // Broken off within a size, and within a request.
        foreach (var part in (byte[][])[[0, 0], [.. Size(50), 0, 3]])
        {
            using var half = await silo.ConnectAsync();
            await half.SendAsync(part);
            half.HalfClose();
            await half.WhenClosedAsync();
        }

        Assert.Equal(ErrorCode.None, (await good.MetadataAsync("t")).Error);
    }

    [Fact]
    public async Task An_unknown_version_of_ApiVersions_is_answered_in_the_body_of_version_0()
    {
        await using var silo = await StartAsync();
        using var peer = await silo.ConnectAsync();
        await peer.SendAsync(new byte[] { 0, 0, 0, 11, 0, 18, 0, 99, 0, 0, 0, 7, 255, 255, 0 });
        var response = new KafkaResponse(await peer.ReceiveAsync(7), isFlexible: false, hasTaggedHeader: false);
        Assert.Equal(ErrorCode.UnsupportedVersion, response.Error());
        Assert.Equal(1, response.ArrayLength());
        Assert.Equal((18, 0, 4), (response.Int16(), response.Int16(), response.Int16()));
        Assert.True(response.IsAtEnd);
        Assert.Equal(ErrorCode.None, (await peer.MetadataAsync("t")).Error);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task ApiVersions_tells_what_is_served_without_a_tagged_header(short version)
    {
        await using var silo = await StartAsync();
        using var peer = await silo.ConnectAsync();
        var response = await peer.AskAsync(ApiKey.ApiVersions, version, version >= 3, request =>
        {
            if (version < 3) return;
            request.WriteString("test");
            request.WriteString("1");
            request.WriteTaggedFields();
        });
        Assert.Equal(ErrorCode.None, response.Error());
        var keys = new Dictionary<short, (short, short)>();
        for (var left = response.ArrayLength(); left > 0; left--)
        {
            keys.Add(response.Int16(), (response.Int16(), response.Int16()));
            response.Tags();
        }

        if (version >= 1) Assert.Equal(0, response.Int32());
        response.Tags();
        Assert.True(response.IsAtEnd);
        Assert.Equal((0, 9), keys[(short)ApiKey.Produce]);
        Assert.Equal((0, 12), keys[(short)ApiKey.Metadata]);
        Assert.DoesNotContain((short)71, keys.Keys);
        Assert.DoesNotContain((short)72, keys.Keys);
    }

    [Fact]
    public async Task One_connection_more_than_allowed_is_closed_at_once()
    {
        await using var silo = await StartAsync(options => options.MaxConnections = 2);
        using var first = await silo.ConnectAsync();
        using var second = await silo.ConnectAsync();
        await first.MetadataAsync("t");
        await second.MetadataAsync("t");
        using (var third = await silo.ConnectAsync()) await third.WhenClosedAsync();
        Assert.Equal(ErrorCode.None, (await second.MetadataAsync("t")).Error);
    }

    [Fact]
    public async Task An_idle_connection_is_closed()
    {
        await using var silo = await StartAsync(options => options.ConnectionsMaxIdle = TimeSpan.FromSeconds(1));
        using var peer = await silo.ConnectAsync();
        await peer.MetadataAsync("t");
        await peer.WhenClosedAsync();
    }

    [Fact]
    public async Task Requests_sent_ahead_are_answered_in_their_order_and_appended_in_it()
    {
        await using var silo = await StartAsync(options => options.MaxInFlightRequests = 3);
        using var peer = await silo.ConnectAsync();
        await peer.MetadataAsync("t");
        var ids = new List<int>();
        for (var i = 0; i < 20; i++)
        {
            var batch = Batches.Of($"v{i}");
            ids.Add(await peer.SendAsync(ApiKey.Produce, 9, isFlexible: true, request => KafkaRequests.WriteProduce(request, "t", batch)));
        }

        for (var i = 0; i < 20; i++)
        {
            var response = new KafkaResponse(await peer.ReceiveAsync(ids[i]), isFlexible: true, hasTaggedHeader: true);
            Assert.Equal((ErrorCode.None, i, null), KafkaRequests.ReadProduced(response));
        }

        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"{i}:v{i}"), await silo.Cluster.Partition("t", 0).ReadAllAsync());
    }

    [Fact]
    public async Task A_request_sent_ahead_of_a_long_poll_waits_for_it()
    {
        await using var silo = await StartAsync();
        using var peer = await silo.ConnectAsync();
        foreach (var topic in (string[])["t", "u"]) await peer.MetadataAsync(topic);
        var polling = peer.FetchAsync([("t", 0)], maxWaitMs: 20_000);
        var produced = await peer.SendAsync(ApiKey.Produce, 9, true, request => KafkaRequests.WriteProduce(request, "u", Batches.Of("a")));
        using var other = await silo.ConnectAsync();
        Assert.Equal(0, (await other.FetchAsync([("u", 0)], maxWaitMs: 300))[0].HighWatermark);
        await other.ProduceAsync("t", Batches.Of("b"));
        Assert.NotEmpty((await polling)[0].Records!);
        var response = new KafkaResponse(await peer.ReceiveAsync(produced), isFlexible: true, hasTaggedHeader: true);
        Assert.Equal((ErrorCode.None, 0, null), KafkaRequests.ReadProduced(response));
    }

    [Fact]
    public async Task A_client_that_does_not_read_is_not_read_from_either()
    {
        await using var silo = await StartAsync();
        using var peer = await silo.ConnectAsync();
        await peer.MetadataAsync("t");
        Assert.Equal(ErrorCode.None, (await peer.ProduceAsync("t", Batches.Of(new string('x', 900_000)))).Error);
        var fetch = Frame(writer =>
        {
            writer.WriteInt16((short)ApiKey.Fetch);
            writer.WriteInt16(4);
            writer.WriteInt32(1);
            writer.WriteString("peer");
            writer.WriteInt32(-1);
            writer.WriteInt32(0);
            writer.WriteInt32(1);
            writer.WriteInt32(10_000_000);
            writer.WriteInt8(0);
            writer.WriteArrayLength(1);
            writer.WriteString("t");
            writer.WriteArrayLength(1);
            writer.WriteInt32(0);
            writer.WriteInt64(0);
            writer.WriteInt32(10_000_000);
        });

        // Far more requests than either kernel buffers: the sender is stopped, and the memory in use stays that of a few answers.
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        var sent = 0;
        var sending = Task.Run(async () =>
        {
            for (; sent < 1_000_000; sent++) await peer.SendAsync(fetch).WaitAsync(limit.Token);
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);
        Assert.InRange(sent, 1, 999_999);
        Assert.InRange(silo.Listener.BufferedBytes, 0, 8_000_000);
    }

    private static byte[] Frame(Action<KafkaWriter> write)
    {
        using var writer = new KafkaWriter();
        write(writer);
        return [.. writer.Seal().SelectMany(piece => piece.ToArray())];
    }

    private static byte[] Size(int size)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, size);
        return bytes;
    }

    private Task<KafkaSilo> StartAsync(Action<KafkaOptions>? configure = null) => KafkaSilo.StartAsync(options =>
    {
        options.ConnectionThreads = threads;
        configure?.Invoke(options);
    });
}

/// <summary>Connections that have threads of their own.</summary>
public sealed class ThreadConnectionTests() : ConnectionTests(threads: 64);

/// <summary>Connections that share the thread pool.</summary>
public sealed class PooledConnectionTests() : ConnectionTests(threads: 0);
