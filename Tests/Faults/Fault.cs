using OrleansLog.Client;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Faults;

/// <summary>Something that goes wrong in a cluster, for a while.</summary>
/// <param name="Name">What it is, for the report.</param>
/// <param name="Weight">How often it is chosen beside others.</param>
/// <param name="RunAsync">Makes it happen; what lasts is ended by <see cref="FaultCluster.HealAsync"/>.</param>
internal sealed record Fault(string Name, int Weight, Func<FaultContext, Task> RunAsync)
{
    /// <summary>All that this machine can do.</summary>
    public static IReadOnlyList<Fault> Of(FaultCluster cluster)
    {
        var faults = new List<Fault>
        {
            new("kill -9 of a leader", 4, static async c => await c.KillAndWaitAsync(await c.LeaderAsync())),
            new("kill -9 of a follower", 3, static async c => await c.KillAndWaitAsync(await c.FollowerAsync())),
            new("kill -9 of the group's coordinator", 2, static async c => await c.KillAndWaitAsync(await c.CoordinatorAsync())),
            new("kill -9 of all", 1, static c => Task.WhenAll(c.Cluster.Nodes.Select(c.Cluster.KillAsync))),
            new("a pause shorter than detection", 2, static c => c.PauseBrieflyAsync()),
            new("a pause past detection", 2, static c => c.HangAsync()),
            new("a leader cut off from a follower", 2, static async c =>
            {
                c.Cluster.Network.CutBetween(await c.LeaderAsync(), await c.FollowerAsync());
                await c.WaitAsync(500, 8_000);
            }),
            new("a leader cut off from both followers", 2, static async c =>
            {
                var leader = await c.LeaderAsync();
                foreach (var other in c.Cluster.Nodes.Where(node => node != leader)) c.Cluster.Network.CutBetween(leader, other);
                await c.WaitAsync(500, 8_000);
            }),
            new("one direction cut off", 2, static async c =>
            {
                c.Cluster.Network.Cut(await c.LeaderAsync(), c.Cluster.Network.Address(await c.FollowerAsync()));
                await c.WaitAsync(500, 8_000);
            }),
            new("a leader cut off from PostgreSQL", 2, static async c =>
            {
                c.Cluster.Network.Cut(await c.LeaderAsync(), c.Cluster.Network.DatabaseAddress);
                await c.WaitAsync(1_000, 8_000);
            }),
            new("PostgreSQL stopped for seconds", 2, static async c =>
            {
                await c.Cluster.Postgres.StopAsync();
                await c.WaitAsync(1_000, 8_000);
            }),
            new("PostgreSQL stopped for a minute", 1, static async c =>
            {
                await c.Cluster.Postgres.StopAsync();
                await c.WaitAsync(60_000, 65_000);
            }),
            new("a wiped disk", 1, static async c =>
            {
                // Also the partitions that nobody uses: of none may this disk hold the only replica that is in sync.
                await c.WhenAllInSyncAsync(withOffsets: true);
                var node = await c.FollowerAsync();
                await c.Cluster.KillAsync(node);
                c.Cluster.Wipe(node);
                await c.WaitAsync(0, 2_000);
            }),
            new("a flipped bit", 1, static c => c.DamageAsync(SegmentDamage.FlipBit)),
            new("a cut segment", 1, static c => c.DamageAsync(SegmentDamage.Cut)),
            new("a deleted segment", 1, static c => c.DamageAsync(SegmentDamage.Delete)),
            new("a rolling restart", 1, static async c =>
            {
                foreach (var node in c.Cluster.Nodes)
                {
                    await c.WhenAllInSyncAsync();
                    await c.Cluster.StopAsync(node);
                    await c.Cluster.StartAsync(node);
                }
            }),
            new("a node added and removed", 1, static async c =>
            {
                await c.WhenAllInSyncAsync();
                await c.AddNodeAsync(c.Cluster.Spare);
                await c.WaitAsync(0, 2_000);
                await c.RemoveNodeAsync(c.Cluster.Spare);
            }),
        };
        if (cluster.CanFillDisk)
        {
            faults.Add(new("a full disk", 1, static async c =>
            {
                c.Cluster.FillDisk();
                await c.WaitAsync(2_000, 6_000);
            }));
        }

        if (cluster.CanSlowSync)
        {
            faults.Add(new("a slow fsync", 2, static async c =>
            {
                c.Cluster.SlowSync(c.AnyNode(), c.Random.Next(20, 400));
                await c.WaitAsync(1_000, 6_000);
            }));
        }

        return faults;
    }
}

/// <summary>What a fault has to work with.</summary>
internal sealed class FaultContext(FaultCluster cluster, OrleansLogClient client, string topic, string group, int partitions, Random random)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    public FaultCluster Cluster => cluster;

    public Random Random => random;

    /// <summary>The partition that the present fault is about.</summary>
    public int Partition { get; set; }

    /// <summary>How this round took a node away from the partitions that it led, for the report; null when it took none.</summary>
    public string? Loss { get; private set; }

    /// <summary>The partitions that the lost node led, with all their replicas in sync.</summary>
    public IReadOnlyList<int> LedByLost { get; private set; } = [];

    /// <summary>Those of which a replica was out of sync, from the round before: they may have to wait for it.</summary>
    public IReadOnlyList<int> ShortLedByLost { get; private set; } = [];

    public void Begin()
    {
        Partition = random.Next(partitions);
        (Loss, LedByLost, ShortLedByLost) = (null, [], []);
    }

    public int AnyNode() => cluster.Nodes[random.Next(cluster.Nodes.Count)];

    public async Task<int> LeaderAsync() => (await StateAsync(topic, Partition)).Leader;

    public async Task<int> FollowerAsync()
    {
        var leader = await LeaderAsync();
        var others = cluster.Nodes.Where(node => node != leader).ToArray();
        return others[random.Next(others.Length)];
    }

    public async Task<int> CoordinatorAsync()
    {
        var count = (await client.Admin.DescribeTopicAsync(OffsetsTopic)).Partitions.Count;
        return (await StateAsync(OffsetsTopic, (JavaHash(group) & int.MaxValue) % count)).Leader;
    }

    public async Task KillAndWaitAsync(int node)
    {
        await NoteLossAsync("kill -9", node);
        await cluster.KillAsync(node);
        await WaitAsync(0, 4_000);
    }

    /// <summary>Stops a leader for so short that nobody may take it for dead.</summary>
    public async Task PauseBrieflyAsync() => await PauseAsync(await LeaderAsync(), 200, 1_500);

    /// <summary>Stops a leader for so long that it is declared dead.</summary>
    public async Task HangAsync()
    {
        var node = await LeaderAsync();
        await NoteLossAsync("SIGSTOP", node);
        await PauseAsync(node, 6_000, 10_000);
    }

    private async Task PauseAsync(int node, int leastMs, int mostMs)
    {
        cluster.Pause(node);
        await WaitAsync(leastMs, mostMs);
        cluster.Resume(node);
    }

    private async Task NoteLossAsync(string how, int node)
    {
        var (whole, lacking) = (new List<int>(), new List<int>());
        for (var partition = 0; partition < partitions; partition++)
        {
            var state = await StateAsync(topic, partition);
            if (state.Leader == node) (state.InSyncReplicas.Count == state.Replicas.Count ? whole : lacking).Add(partition);
        }

        (Loss, LedByLost, ShortLedByLost) = (how, whole, lacking);
    }

    /// <summary>
    /// Damages a follower's log while it does not run, and waits until what it had is there again, as it was: nobody reads it there
    /// but the search for damage.
    /// </summary>
    public async Task DamageAsync(Action<string, Random> damage)
    {
        await WhenAllInSyncAsync();
        var node = await FollowerAsync();
        await cluster.StopAsync(node);
        var (directory, id) = (cluster.DataOf(node), new TopicPartition(topic, Partition));
        var before = SegmentDamage.Read(directory, id);
        damage(SegmentDamage.Choose(directory, id, random), random);
        if (SegmentDamage.Read(directory, id).AsSpan().SequenceEqual(before)) throw new InvalidOperationException("Nothing was damaged.");
        await cluster.StartAsync(node);
        var start = System.Diagnostics.Stopwatch.GetTimestamp();
        while (!SegmentDamage.IsRepaired(directory, id, before))
        {
            if (System.Diagnostics.Stopwatch.GetElapsedTime(start) > Limit)
                throw new TimeoutException($"The replica of {id} on node {node} was not repaired within {Limit}.");
            await Task.Delay(100); // nothing tells of it
        }
    }

    /// <summary>Starts a node and has it take its share, leaderships included.</summary>
    public async Task AddNodeAsync(int node)
    {
        await cluster.StartAsync(node);
        var moves = await client.Admin.BalanceAsync(execute: true);
        Assert.Contains(moves, move => move.To.Contains(node));
        await WhenMovedAsync();
    }

    /// <summary>Moves everything from a node, stops it and forgets it.</summary>
    public async Task RemoveNodeAsync(int node)
    {
        await client.Admin.DrainAsync(node, execute: true);
        await WhenMovedAsync();
        await cluster.StopAsync(node);
        await client.Admin.ForgetNodeAsync(node);
        await client.Admin.BalanceAsync(execute: true);
        await WhenMovedAsync();
    }

    private async Task WhenMovedAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        await client.Admin.WaitForReassignmentsAsync(cancellationToken: limit.Token);
    }

    private const string OffsetsTopic = "__consumer_offsets";

    /// <summary>How long a fault lasts is up to chance.</summary>
    public Task WaitAsync(int leastMs, int mostMs) => Task.Delay(random.Next(leastMs, mostMs));

    /// <summary>Waits until every replica of every partition is in sync.</summary>
    public async Task WhenAllInSyncAsync(bool withOffsets = false)
    {
        var all = Enumerable.Range(0, partitions).Select(partition => new TopicPartition(topic, partition)).ToList();
        if (withOffsets)
        {
            var offsets = await client.Admin.DescribeTopicAsync(OffsetsTopic);
            all.AddRange(offsets.Partitions.Select(static partition => new TopicPartition(OffsetsTopic, partition.Partition)));
        }

        var start = System.Diagnostics.Stopwatch.GetTimestamp();
        while (true)
        {
            var behind = new List<string>();
            foreach (var partition in all)
            {
                var state = await client.Admin.DescribePartitionAsync(partition);
                if (state.InSyncReplicas.Count < state.Replicas.Count)
                    behind.Add($"{partition}: {string.Join(',', state.InSyncReplicas)} of {string.Join(',', state.Replicas)}");
            }

            if (behind.Count == 0) return;
            if (System.Diagnostics.Stopwatch.GetElapsedTime(start) > Limit)
                throw new TimeoutException($"Not in sync after {Limit}: {string.Join("; ", behind)}");
            await Task.Delay(100); // nothing tells of it
        }
    }

    private Task<PartitionDescription> StateAsync(string name, int partition) =>
        client.Admin.DescribePartitionAsync(new TopicPartition(name, partition));

    private static int JavaHash(string text) => text.Aggregate(0, static (hash, letter) => unchecked((31 * hash) + letter));
}
