using System.Diagnostics;
using System.Globalization;
using OrleansLog.Client;
using OrleansLog.Records;
using OrleansLog.Tests.Processes;
using Xunit;
using Xunit.Abstractions;

namespace OrleansLog.Tests.Cluster.Postgres;

/// <summary>Three silos in processes of their own, whose leaders are killed while records are produced.</summary>
[Collection(ProcessCollection.Name)]
public sealed class FailoverTests(ITestOutputHelper output)
{
    // A silo that was restarted has compiled and connected what it needs by then.
    private static readonly TimeSpan BetweenKills = TimeSpan.FromSeconds(2);

    // More for a measurement, by hand.
    private static int Rounds => int.TryParse(
        Environment.GetEnvironmentVariable("ORLEANSLOG_FAILOVER_ROUNDS"), CultureInfo.InvariantCulture, out var rounds) ? rounds : 2;

    [PostgresFact]
    public async Task A_killed_leader_is_replaced_and_nothing_acknowledged_is_lost()
    {
        var server = await PostgresServer.SharedAsync();
        await using var cluster = await SiloCluster.StartAsync(await server.CreateDatabaseAsync());
        await using var client = await cluster.ConnectAsync();
        await client.Admin.CreateTopicAsync("t", 1, 3);
        var load = new Load(client);
        await load.RunUntilAsync(load.Count + 100);
        var gaps = new List<double>();
        for (var round = 0; round < Rounds; round++)
        {
            var leader = await load.WhenInSyncAsync();
            await Task.Delay(BetweenKills);
            load.ResetGap();
            var killed = Stopwatch.GetTimestamp();
            await cluster[leader - 1].KillAsync();
            await load.RunUntilAsync(load.Count + 100);
            gaps.Add(load.LongestGap.TotalMilliseconds);
            output.WriteLine(
                $"Round {round}: node {leader} killed, gap {load.LongestGap.TotalMilliseconds:0} ms, all {Stopwatch.GetElapsedTime(killed).TotalMilliseconds:0} ms");
            await cluster.StartAsync(leader - 1);
        }

        gaps.Sort();
        output.WriteLine($"Median {gaps[gaps.Count / 2]:0} ms, greatest {gaps[^1]:0} ms, of {gaps.Count}.");
        await load.StopAsync();
        await load.CheckAsync();
        Assert.True(gaps[0] < 5_000, $"The shortest gap was {gaps[0]:0} ms.");
    }

    [PostgresFact]
    public async Task A_leader_that_hangs_is_replaced_and_commits_nothing_when_it_goes_on()
    {
        var server = await PostgresServer.SharedAsync();
        await using var cluster = await SiloCluster.StartAsync(await server.CreateDatabaseAsync());
        await using var client = await cluster.ConnectAsync();
        await client.Admin.CreateTopicAsync("t", 1, 3);
        var load = new Load(client);
        await load.RunUntilAsync(load.Count + 100);
        var leader = await load.WhenInSyncAsync();
        load.ResetGap();
        ProcessSignal.Send(cluster[leader - 1].Process.Id, ProcessSignal.Pause);
        await load.RunUntilAsync(load.Count + 100);
        output.WriteLine($"Node {leader} hung, gap {load.LongestGap.TotalMilliseconds:0} ms.");
        ProcessSignal.Send(cluster[leader - 1].Process.Id, ProcessSignal.Continue);
        await load.RunUntilAsync(load.Count + 100);
        await cluster.StartAsync(leader - 1);
        await load.WhenInSyncAsync();
        await load.StopAsync();
        await load.CheckAsync();
        Assert.True(load.LongestGap < TimeSpan.FromSeconds(30), $"The gap was {load.LongestGap.TotalMilliseconds:0} ms.");
    }

    [PostgresFact]
    public async Task A_node_that_is_told_to_stop_fails_no_record()
    {
        var server = await PostgresServer.SharedAsync();
        await using var cluster = await SiloCluster.StartAsync(await server.CreateDatabaseAsync());
        await using var client = await cluster.ConnectAsync();
        await client.Admin.CreateTopicAsync("t", 1, 3);
        var load = new Load(client);
        await load.RunUntilAsync(load.Count + 100);
        for (var round = 0; round < Rounds; round++)
        {
            var leader = await load.WhenInSyncAsync();
            await Task.Delay(BetweenKills);
            load.ResetGap();
            Assert.Equal(0, await cluster[leader - 1].StopAsync());
            await load.RunUntilAsync(load.Count + 100);
            output.WriteLine($"Node {leader} stopped, gap {load.LongestGap.TotalMilliseconds:0} ms.");
            await cluster.StartAsync(leader - 1);
        }

        await load.StopAsync();
        await load.CheckAsync();
    }

    /// <summary>One record after the other, each waited for.</summary>
    private sealed class Load
    {
        private readonly OrleansLogClient _client;
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _loop;
        private long _count;
        private long _lastAck = Stopwatch.GetTimestamp();
        private long _longest;

        public Load(OrleansLogClient client)
        {
            _client = client;
            _loop = Task.Run(RunAsync);
        }

        public long Count => Interlocked.Read(ref _count);

        public TimeSpan LongestGap => Stopwatch.GetElapsedTime(0, Interlocked.Read(ref _longest));

        public void ResetGap() => Interlocked.Exchange(ref _longest, 0);

        public async Task RunUntilAsync(long count)
        {
            while (Count < count)
            {
                if (_loop.IsCompleted) await _loop;
                await Task.Delay(5);
            }
        }

        public async Task<int> WhenInSyncAsync()
        {
            var limit = Stopwatch.GetTimestamp();
            while (true)
            {
                var it = await _client.Admin.DescribePartitionAsync(new TopicPartition("t", 0));
                if (it.InSyncReplicas.Count == 3) return it.Leader;
                if (Stopwatch.GetElapsedTime(limit) > TimeSpan.FromSeconds(60))
                    throw new TimeoutException($"In sync are only {string.Join(", ", it.InSyncReplicas)}.");
                await Task.Delay(50);
            }
        }

        public async Task StopAsync()
        {
            await _stop.CancelAsync();
            await _loop;
        }

        /// <summary>Reads everything back: what was acknowledged, once and in order.</summary>
        public async Task CheckAsync()
        {
            await using var consumer = _client.CreateConsumer<NoKey, long>();
            consumer.Assign([KeyValuePair.Create(new TopicPartition("t", 0), LogPosition.Beginning)]);
            var expected = 0L;
            await foreach (var record in consumer.ConsumeAsync())
            {
                Assert.Equal(expected, record.Value);
                if (++expected == Count) break;
            }
        }

        private async Task RunAsync()
        {
            await using var producer = _client.CreateProducer<NoKey, long>();
            while (!_stop.IsCancellationRequested)
            {
                await producer.ProduceAsync("t", default(NoKey), Count);
                var now = Stopwatch.GetTimestamp();
                _longest = Math.Max(_longest, now - _lastAck);
                _lastAck = now;
                Interlocked.Increment(ref _count);
            }
        }
    }
}
