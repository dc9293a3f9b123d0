using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using OrleansLog.Client;
using OrleansLog.Grains;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Client;

/// <summary>The client against real grains on a real log.</summary>
public sealed class ClientOnSiloTests : IAsyncLifetime, IDisposable
{
    private const int Partitions = 6;
    private readonly string _data = Directory.CreateTempSubdirectory("client-test-").FullName;
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(60));
    private InProcessTestCluster _cluster = null!;
    private OrleansLogClient _client = null!;

    public async Task InitializeAsync()
    {
        var builder = new InProcessTestClusterBuilder(initialSilosCount: 1);
        builder.Options.ConfigureFileLogging = false;
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddOrleansLog(options => options.DataDirectory = _data);
            silo.Services.AddOrleansLogClient();
        });
        builder.ConfigureClient(client => client.Services.AddOrleansLogClient());
        _cluster = builder.Build();
        await _cluster.DeployAsync();
        _client = _cluster.Client.ServiceProvider.GetRequiredService<OrleansLogClient>();
        await _client.Admin.CreateTopicAsync("t", Partitions);
    }

    public async Task DisposeAsync()
    {
        await _cluster.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }

    public void Dispose() => _patience.Dispose();

    private static async Task ProduceAsync(OrleansLogClient client, int from, int count, CompressionType compression = CompressionType.None)
    {
        await using var producer = client.CreateProducer(new ProducerOptions<string, int>
        {
            Compression = compression,
            BatchSize = 2_000,
        });
        for (var i = from; i < from + count; i++) await producer.EnqueueAsync("t", $"key {i % 50}", i);
        await producer.FlushAsync();
    }

    private Consumer<string, int> Member(bool autoCommit = true) => _client.CreateConsumer(new ConsumerOptions<string, int>
    {
        GroupId = "g",
        AutoOffsetReset = AutoOffsetReset.Earliest,
        EnableAutoCommit = autoCommit,
        StopAtEnd = false,
    });

    [Fact]
    public async Task Two_members_share_a_topic_and_key_order_holds()
    {
        const int count = 20_000;
        var seen = new ConcurrentDictionary<int, int>();
        var left = count;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_patience.Token);
        await using var first = Member();
        await using var second = Member();
        first.Subscribe("t");
        second.Subscribe("t");
        while (first.Assignment.Count != Partitions / 2 || second.Assignment.Count != Partitions / 2)
            await Task.Delay(20, _patience.Token);
        var reading = new[] { first, second }.Select(member => Task.Run(async () =>
        {
            var lastOfKey = new Dictionary<string, int>();
            await foreach (var record in member.ConsumeAsync(stop.Token))
            {
                Assert.True(record.Value > lastOfKey.GetValueOrDefault(record.Key, -1), $"{record.Key} went back to {record.Value}");
                lastOfKey[record.Key] = record.Value;
                seen.AddOrUpdate(record.Value, 1, static (_, times) => times + 1);
                if (Interlocked.Decrement(ref left) == 0) await stop.CancelAsync();
            }
        })).ToList();
        await ProduceAsync(_client, 0, count);
        foreach (var member in reading) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => member);
        Assert.False(_patience.IsCancellationRequested, $"{left} records did not arrive");
        Assert.Equal(count, seen.Count);
        Assert.All(seen.Values, static times => Assert.Equal(1, times));
        await first.CommitAsync();
        await second.CommitAsync();
        Assert.All(await _client.Admin.ListGroupOffsetsAsync("g"), static offset => Assert.Equal(0, offset.Lag));
    }

    [Fact]
    public async Task Who_leaves_hands_over_without_loss_or_repetition()
    {
        const int count = 3_000;
        await ProduceAsync(_client, 0, count);
        var seen = new List<int>();
        for (var turn = 0; turn < 3; turn++)
        {
            await using var member = Member(autoCommit: false);
            member.Subscribe("t");
            await foreach (var record in member.ConsumeAsync(_patience.Token))
            {
                seen.Add(record.Value);
                if (seen.Count % 1_000 == 0) break;
            }

            await member.CommitAsync();
        }

        Assert.Equal(Enumerable.Range(0, count), seen.Order());
    }

    [Fact]
    public async Task Every_compression_is_read_again()
    {
        foreach (var compression in Enum.GetValues<CompressionType>()) await ProduceAsync(_client, (int)compression * 1_000, 1_000, compression);
        await using var consumer = _client.CreateConsumer(new ConsumerOptions<string, int> { StopAtEnd = true });
        consumer.Assign(Enumerable.Range(0, Partitions).Select(static p => KeyValuePair.Create(new TopicPartition("t", p), LogPosition.Beginning)));
        var seen = new List<int>();
        await foreach (var record in consumer.ConsumeAsync(_patience.Token)) seen.Add(record.Value);
        Assert.Equal(Enumerable.Range(0, 5_000), seen.Order());
    }

    [Fact]
    public async Task The_client_works_inside_a_silo()
    {
        var inside = _cluster.Silos[0].ServiceProvider.GetRequiredService<OrleansLogClient>();
        await ProduceAsync(inside, 0, 2_000);
        await using var consumer = inside.CreateConsumer(new ConsumerOptions<string, int> { StopAtEnd = true });
        consumer.Assign(Enumerable.Range(0, Partitions).Select(static p => KeyValuePair.Create(new TopicPartition("t", p), LogPosition.Beginning)));
        var count = 0;
        await foreach (var record in consumer.ConsumeAsync(_patience.Token)) count++;
        Assert.Equal(2_000, count);
    }

    [Fact]
    public async Task A_topic_that_appears_later_is_found_by_its_pattern()
    {
        await using var member = _client.CreateConsumer(new ConsumerOptions<string, string>
        {
            GroupId = "p",
            AutoOffsetReset = AutoOffsetReset.Earliest,
        });
        member.Subscribe(new System.Text.RegularExpressions.Regex("late-.*"));
        await _client.Admin.CreateTopicAsync("late-1", 1);
        await using var producer = _client.CreateProducer<NoKey, string>();
        await producer.ProduceAsync("late-1", default, "here");
        await foreach (var record in member.ConsumeAsync(_patience.Token))
        {
            Assert.Equal("here", record.Value);
            break;
        }
    }

    [Fact]
    public async Task Nobody_there_is_said_clearly_and_soon()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        var port = ((IPEndPoint)socket.LocalEndpoint).Port;
        socket.Stop();
        var watch = Stopwatch.StartNew();
        var error = await Assert.ThrowsAsync<OrleansLogException>(() => OrleansLogClient.ConnectAsync(new OrleansLogClientOptions
        {
            Endpoints = $"127.0.0.1:{port}",
            ConnectTimeout = TimeSpan.FromMilliseconds(300),
        }));
        Assert.Equal(ErrorCode.NetworkException, error.Error);
        Assert.Contains($"127.0.0.1:{port} within 0.3 s", error.Message, StringComparison.Ordinal);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10));
    }
}
