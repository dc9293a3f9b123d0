using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Partitions;
using OrleansLog.Grains.Replicas;
using OrleansLog.Grains.Storage;
using OrleansLog.Records;
using OrleansLog.Tests.Grains;
using Xunit;

namespace OrleansLog.Tests.Cluster;

/// <summary>Replicas of partitions that nobody uses, and folders that nobody needs.</summary>
public sealed class ReplicaKeeperTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_replica_that_was_away_is_taken_back_though_nobody_calls_the_leader()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t");
        await cluster.ProduceAsync("t", 0, "a");
        await cluster.WaitForAsync("t", 0, static it => it.InSyncReplicas.Count == 3);
        var away = (await cluster.WaitForAsync("t", 0, static _ => true)).Leader == 3 ? 2 : 3;
        await cluster.KillNodeAsync(away);
        await cluster.WaitForAsync("t", 0, it => !it.InSyncReplicas.Contains(away));

        await LeaveIdleAsync(cluster, [1, 2, 3], away);
        await cluster.StartNodeAsync(away);
        var offices = cluster.Service<StoredOffices>(away);
        await UntilAsync(async () => (await offices.ReadAsync(new TopicPartition("t", 0))).InSyncReplicas.Contains(away));
    }

    [Fact]
    public async Task A_partition_that_cannot_be_looked_at_keeps_no_other_from_it()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("a", partitions: 16); // as many as are looked at together
        await cluster.CreateTopicAsync("t");
        await cluster.ProduceAsync("t", 0, "a");
        var away = (await cluster.WhenInSyncAsync("t", 0)).Leader == 3 ? 2 : 3;
        await cluster.KillNodeAsync(away);
        await cluster.WaitForAsync("t", 0, it => !it.InSyncReplicas.Contains(away));
        // What is stored of the one that is looked at first is no office.
        await cluster.Service<IServiceProvider>(1).GetRequiredKeyedService<IGrainStorage>(MetadataStorage.Name).WriteStateAsync(
            StoredOffices.StateName, cluster.Partition("a", 0).GetGrainId(), new GrainState<List<string>>(["no office"]));
        await LeaveIdleAsync(cluster, [1, 2, 3], away);
        await cluster.StartNodeAsync(away);
        var offices = cluster.Service<StoredOffices>(away);
        await Assert.ThrowsAnyAsync<Exception>(() => offices.ReadAsync(new TopicPartition("a", 0)));
        await UntilAsync(async () => (await offices.ReadAsync(new TopicPartition("t", 0))).InSyncReplicas.Contains(away));
    }

    [Fact]
    public async Task A_wiped_disk_is_filled_again_though_nobody_calls_the_leader()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t");
        await cluster.ProduceAsync("t", 0, "a", "b");
        var leader = (await cluster.WhenInSyncAsync("t", 0)).Leader;
        var wiped = leader == 3 ? 2 : 3;

        // Nobody notes that it is gone: by what is stored it stays in sync.
        await LeaveIdleAsync(cluster, [1, 2, 3]);
        await cluster.KillNodeAsync(wiped);
        Directory.Delete(cluster.DirectoryOf(wiped), recursive: true);
        await cluster.StartNodeAsync(wiped);
        var offices = cluster.Service<StoredOffices>(wiped);
        Assert.Contains(wiped, (await offices.ReadAsync(new TopicPartition("t", 0))).InSyncReplicas);
        await UntilAsync(() => Task.FromResult(cluster.Replicas(wiped).Find(new TopicPartition("t", 0))?.Log.LogEndOffset == 2));
        await UntilAsync(async () => (await offices.ReadAsync(new TopicPartition("t", 0))).InSyncReplicas.Contains(wiped));
        await UntilAsync(async () =>
            await cluster.Service<ReplicaStandings>(wiped).FindAsync(new TopicPartition("t", 0)) == ReplicaStanding.Settled);
        Assert.Equal((0, 0), await cluster.Service<ReplicaKeeper>(wiped).CheckAsync(CancellationToken.None));
    }

    [Fact]
    public async Task A_partition_outlives_its_first_leader_before_anything_was_written()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t", partitions: 12);
        for (var partition = 0; partition < 12; partition++)
        {
            await cluster.Partition("t", partition).Lead();
            // At this moment already: whoever is in sync has noted that it takes part.
            var office = await cluster.Service<StoredOffices>(1).ReadAsync(new TopicPartition("t", partition));
            Assert.Equal([1, 2, 3], office.InSyncReplicas.Order());
            foreach (var node in office.InSyncReplicas)
            {
                var replica = cluster.Replicas(node).Open.Single(open => open.Log.Partition == new TopicPartition("t", partition));
                Assert.True(replica.Log.FencedEpoch >= 0, $"Node {node} knows nothing of the term of t-{partition}.");
            }
        }

        await cluster.KillNodeAsync(2);
        for (var partition = 0; partition < 12; partition++)
        {
            await cluster.ProduceAsync("t", partition, "a");
            Assert.Equal(["0:a"], await cluster.Partition("t", partition).ReadAllAsync());
        }
    }

    [Fact]
    public async Task A_node_that_was_away_when_a_topic_was_deleted_deletes_it_too_and_takes_part_in_the_next_of_that_name()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t", 2);
        for (var partition = 0; partition < 2; partition++)
        {
            await cluster.ProduceAsync("t", partition, "old");
            await cluster.WhenInSyncAsync("t", partition);
        }

        var leader = (await cluster.WaitForAsync("t", 0, static _ => true)).Leader;
        var away = leader == 3 ? 2 : 3;
        await cluster.KillNodeAsync(away);
        await cluster.Catalog.DeleteTopic("t");
        await cluster.CreateTopicAsync("t", 2, replicas: 2);
        await cluster.Partition("t", 0).Produce(Batches.Request("new"));
        Assert.True(Directory.Exists(Path.Combine(cluster.DirectoryOf(away), "t-0")));

        await cluster.StartNodeAsync(away);
        await UntilAsync(() => Task.FromResult(Directory.GetDirectories(cluster.DirectoryOf(away), "t-*").Length == 0));
        await UntilAsync(async () => (await cluster.Catalog.ListLeftovers(away)).Count == 0);
        await cluster.Grains.GetTopic("t").Reassign(new Dictionary<int, IReadOnlyList<int>?> { [0] = [1, 2, 3] });
        await cluster.WhenInSyncAsync("t", 0);
        await UntilAsync(() => Task.FromResult(cluster.Replicas(away).Find(new TopicPartition("t", 0))?.Log.LogEndOffset == 1));
        Assert.Equal(["0:new"], await cluster.ReadAllAsync("t", 0));
    }

    /// <summary>As when nobody has called a leader for hours: it is open no more, and hears of nothing.</summary>
    private static async Task LeaveIdleAsync(NodeCluster cluster, int[] nodes, int? gone = null)
    {
        await cluster.Grains.GetGrain<IManagementGrain>(0).ForceActivationCollection(TimeSpan.Zero);
        await UntilAsync(() => Task.FromResult(!nodes.Where(node => node != gone)
            .Any(node => cluster.Replicas(node).Leaders.Any(static leader => leader.Log.Partition.Topic == "t"))));
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!await condition()) await Task.Delay(20, limit.Token);
    }
}
