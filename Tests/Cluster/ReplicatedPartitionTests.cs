using OrleansLog.Records;
using OrleansLog.Tests.Grains;
using Xunit;
using Xunit.Abstractions;

namespace OrleansLog.Tests.Cluster;

/// <summary>A partition with three replicas, whose nodes are killed, stopped and started.</summary>
public sealed class ReplicatedPartitionTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Records_are_on_all_replicas_before_they_are_acknowledged()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t", partitions: 3);
        for (var partition = 0; partition < 3; partition++)
        {
            await cluster.ProduceAsync("t", partition, "a", "b");
            var described = await cluster.Partition("t", partition).Describe();
            Assert.Equal(described.Replicas[0], described.Leader);
            Assert.Equal([1, 2, 3], described.InSyncReplicas.Order());
            Assert.Equal(2, described.HighWatermark);
            for (var node = 1; node <= 3; node++)
            {
                var replica = cluster.Replicas(node).Open.Single(it => it.Log.Partition == new TopicPartition("t", partition));
                Assert.Equal(2, replica.Log.LogEndOffset);
                Assert.Equal(node == described.Leader, cluster.Replicas(node).FindLeader(replica.Log.Partition) is not null);
            }

            Assert.Equal(["0:a", "1:b"], await cluster.Partition("t", partition).ReadAllAsync());
        }
    }

    [Fact]
    public async Task Another_replica_leads_when_the_leader_is_killed_and_the_old_one_follows_when_it_is_back()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t");
        await cluster.ProduceAsync("t", 0, "a");
        var before = await cluster.WhenInSyncAsync("t", 0);
        await cluster.KillNodeAsync(before.Leader);
        var (offset, took) = await cluster.ProduceAsync("t", 0, "b");
        output.WriteLine($"Acknowledged again {took.TotalMilliseconds:0} ms after the leader was declared dead.");
        Assert.Equal(1, offset);
        var after = await cluster.Partition("t", 0).Describe();
        Assert.Equal(before.Replicas[1], after.Leader);
        Assert.True(after.LeaderEpoch > before.LeaderEpoch);
        await cluster.WaitForAsync("t", 0, it => !it.InSyncReplicas.Contains(before.Leader));

        await cluster.StartNodeAsync(before.Leader);
        await cluster.WhenInSyncAsync("t", 0);
        await cluster.ProduceAsync("t", 0, "c");
        Assert.Equal(["0:a", "1:b", "2:c"], await cluster.ReadAllAsync("t", 0));
        var back = cluster.Replicas(before.Leader).Open.Single();
        Assert.Equal(3, back.Log.LogEndOffset);
    }

    [Fact]
    public async Task A_killed_follower_leaves_the_in_sync_replicas_and_comes_back()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t");
        await cluster.ProduceAsync("t", 0, "a");
        var before = await cluster.WhenInSyncAsync("t", 0);
        var follower = before.Replicas[2];
        await cluster.KillNodeAsync(follower);
        var (_, took) = await cluster.ProduceAsync("t", 0, "b");
        output.WriteLine($"Acknowledged {took.TotalMilliseconds:0} ms after the follower was declared dead.");
        var without = await cluster.WaitForAsync("t", 0, it => it.InSyncReplicas.Count == 2);
        Assert.Equal((before.Leader, before.LeaderEpoch), (without.Leader, without.LeaderEpoch));
        await cluster.StartNodeAsync(follower);
        await cluster.WhenInSyncAsync("t", 0);
        Assert.Equal(2, cluster.Replicas(follower).Open.Single().Log.LogEndOffset);
    }

    [Fact]
    public async Task Without_enough_replicas_in_sync_nothing_is_appended()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t", configs: new Dictionary<string, string> { ["min.insync.replicas"] = "2" });
        await cluster.ProduceAsync("t", 0, "a");
        var before = await cluster.WhenInSyncAsync("t", 0);
        await cluster.KillNodeAsync(before.Replicas[1]);
        await cluster.ProduceAsync("t", 0, "b");
        await cluster.KillNodeAsync(before.Replicas[2]);
        await cluster.WaitForAsync("t", 0, it => it.InSyncReplicas.Count == 1);
        var refused = await Assert.ThrowsAsync<OrleansLogException>(
            () => cluster.Partition("t", 0).Produce(Batches.Request("c")));
        Assert.Equal(ErrorCode.NotEnoughReplicas, refused.Error);
        Assert.Equal(["0:a", "1:b"], await cluster.ReadAllAsync("t", 0));
        await cluster.StartNodeAsync(before.Replicas[1]);
        Assert.Equal(2, (await cluster.ProduceAsync("t", 0, "d")).Offset);
    }

    [Fact]
    public async Task Below_the_minimum_the_last_one_in_sync_need_not_come_back()
    {
        await using var cluster = await NodeCluster.StartAsync(5);
        await cluster.CreateTopicAsync("t", replicas: 3, configs: new Dictionary<string, string> { ["min.insync.replicas"] = "2" });
        await cluster.ProduceAsync("t", 0, "a");
        var replicas = (await cluster.WhenInSyncAsync("t", 0)).Replicas;
        await cluster.KillNodeAsync(replicas[1]);
        await cluster.ProduceAsync("t", 0, "b");
        await cluster.KillNodeAsync(replicas[2]);
        var alone = await cluster.WaitForAsync("t", 0, it => it.InSyncReplicas.Count == 1);
        Assert.Equal((replicas[0], replicas[2]), (alone.Leader, Assert.Single(alone.EligibleReplicas!)));
        await cluster.KillNodeAsync(replicas[0]);

        await cluster.StartNodeAsync(replicas[2]);
        var next = await cluster.WaitForAsync("t", 0, it => it.Leader == replicas[2]);
        Assert.Equal(replicas[2], Assert.Single(next.InSyncReplicas));
        Assert.Equal(["0:a", "1:b"], await cluster.ReadAllAsync("t", 0));
        await cluster.StartNodeAsync(replicas[1]);
        Assert.Equal(2, (await cluster.ProduceAsync("t", 0, "c")).Offset);
        await cluster.StartNodeAsync(replicas[0]);
        Assert.Empty((await cluster.WhenInSyncAsync("t", 0)).EligibleReplicas!);
        Assert.Equal(["0:a", "1:b", "2:c"], await cluster.ReadAllAsync("t", 0));
    }

    [Fact]
    public async Task A_node_that_stops_hands_its_leaderships_over()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t", partitions: 6);
        for (var partition = 0; partition < 6; partition++) await cluster.ProduceAsync("t", partition, "a");
        for (var partition = 0; partition < 6; partition++) await cluster.WhenInSyncAsync("t", partition);
        var stopping = cluster.StopNodeAsync(1);
        var longest = TimeSpan.Zero;
        while (!stopping.IsCompleted)
        {
            for (var partition = 0; partition < 6; partition++)
            {
                var (_, took) = await cluster.ProduceAsync("t", partition, "b");
                if (took > longest) longest = took;
            }
        }

        await stopping;
        output.WriteLine($"The longest wait for an acknowledgement while the node stopped: {longest.TotalMilliseconds:0} ms.");
        for (var partition = 0; partition < 6; partition++)
        {
            var described = await cluster.Partition("t", partition).Describe();
            Assert.NotEqual(1, described.Leader);
            Assert.Equal(described.HighWatermark, described.LogEndOffset);
        }
    }

    [Fact]
    public async Task Everything_acknowledged_is_there_after_all_nodes_were_killed()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t");
        await cluster.ProduceAsync("t", 0, "a");
        await cluster.WhenInSyncAsync("t", 0);
        await cluster.KillNodeAsync(1);
        await cluster.ProduceAsync("t", 0, "b");
        await cluster.KillNodeAsync(2);
        await cluster.ProduceAsync("t", 0, "c");
        // Only node 3 has it all, and only it may lead.
        await cluster.WaitForAsync("t", 0, it => it.InSyncReplicas.SequenceEqual([3]));
        await cluster.StartNodeAsync(1);
        await cluster.StartNodeAsync(2);
        await cluster.WhenInSyncAsync("t", 0);
        await cluster.KillNodeAsync(3);
        Assert.Equal(3, (await cluster.ProduceAsync("t", 0, "d")).Offset);
        Assert.Equal(["0:a", "1:b", "2:c", "3:d"], await cluster.ReadAllAsync("t", 0));
    }
}
