using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Replicas;
using OrleansLog.Records;
using OrleansLog.Tests.Grains;
using Xunit;

namespace OrleansLog.Tests.Cluster;

/// <summary>Replicas are moved between the nodes of a cluster in use.</summary>
public sealed class ReassignmentClusterTests
{
    private static readonly TopicPartition s_first = new("t", 0);

    [Fact]
    public async Task The_leader_and_a_follower_are_moved_while_records_come_in()
    {
        await using var cluster = await NodeCluster.StartAsync(4);
        await CreateAsync(cluster, [1, 2, 3]);
        for (var i = 0; i < 20; i++) await cluster.ProduceAsync("t", 0, $"{i}");
        await cluster.WhenInSyncAsync("t", 0);
        var producing = Task.Run(async () =>
        {
            for (var i = 20; i < 120; i++) Assert.Equal(i, (await cluster.ProduceAsync("t", 0, $"{i}")).Offset);
        });
        await ReassignAsync(cluster, [4, 2]);
        var after = await cluster.WaitForAsync("t", 0, it => it.Replicas.SequenceEqual([4, 2]));
        await producing;
        Assert.Equal(4, after.Leader);
        Assert.Equal(Enumerable.Range(0, 120).Select(i => $"{i}:{i}"), await cluster.ReadAllAsync("t", 0));

        // The topic knows, the catalog knows, and the folders are gone.
        await Until(async () => (await cluster.Grains.GetTopic("t").ListReassignments()).Count == 0
            && (await cluster.Grains.GetTopic("t").Describe()).Partitions[0].Replicas.SequenceEqual([4, 2])
            && (await cluster.Catalog.ListTopics()).Topics.Single(topic => topic.Name == "t").ReplicationFactor == 2);
        foreach (var node in new[] { 1, 3 }) await Until(() => Task.FromResult(!Directory.Exists(FolderOf(cluster, node))));
        await Until(() => Task.FromResult(File.Exists(LogOf(cluster, 2))
            && File.ReadAllBytes(LogOf(cluster, 2)).AsSpan().TrimEnd((byte)0).SequenceEqual(File.ReadAllBytes(LogOf(cluster, 4)).AsSpan().TrimEnd((byte)0))));
    }

    [Fact]
    public async Task The_only_replica_is_moved_to_another_node_and_back()
    {
        await using var cluster = await NodeCluster.StartAsync(2);
        await CreateAsync(cluster, [1]);
        await cluster.ProduceAsync("t", 0, "a");
        await ReassignAsync(cluster, [2]);
        await cluster.WaitForAsync("t", 0, it => it.Replicas.SequenceEqual([2]) && it.Leader == 2);
        await cluster.ProduceAsync("t", 0, "b");
        await ReassignAsync(cluster, [1]);
        await cluster.WaitForAsync("t", 0, it => it.Replicas.SequenceEqual([1]) && it.Leader == 1);
        await cluster.ProduceAsync("t", 0, "c");
        Assert.Equal(["0:a", "1:b", "2:c"], await cluster.ReadAllAsync("t", 0));
    }

    [Fact]
    public async Task A_new_leader_goes_on_with_what_its_predecessor_began()
    {
        await using var cluster = await NodeCluster.StartAsync(4, SlowMoves);
        await CreateAsync(cluster, [1, 2, 3]);
        await FillAsync(cluster);
        await ReassignAsync(cluster, [4, 2, 3]);
        var running = await cluster.Grains.GetTopic("t").ListReassignments();
        Assert.Equal([4], running.Single().Adding);
        Assert.Equal([1], running.Single().Removing);
        Assert.Equal([4, 2, 3, 1], (await cluster.Grains.GetTopic("t").Describe()).Partitions[0].Replicas);

        await cluster.KillNodeAsync(1);
        await cluster.WaitForAsync("t", 0, it => it.Replicas.SequenceEqual([4, 2, 3]) && it.InSyncReplicas.Contains(4));

        // The node that was away finds out, and deletes what it has.
        await cluster.StartNodeAsync(1);
        Assert.True(Directory.Exists(FolderOf(cluster, 1)));
        Assert.Equal(1, (await cluster.Service<ReplicaKeeper>(1).CheckAsync(CancellationToken.None)).Deleted);
        Assert.False(Directory.Exists(FolderOf(cluster, 1)));
        Assert.Equal(0, (await cluster.Service<ReplicaKeeper>(2).CheckAsync(CancellationToken.None)).Deleted);
    }

    [Fact]
    public async Task What_is_given_up_leaves_the_replicas_as_they_were()
    {
        await using var cluster = await NodeCluster.StartAsync(4, SlowMoves);
        await CreateAsync(cluster, [1, 2, 3]);
        await FillAsync(cluster);
        await ReassignAsync(cluster, [4, 2, 3]);
        await ReassignAsync(cluster, null);
        await cluster.WaitForAsync("t", 0, it => it.Replicas.SequenceEqual([1, 2, 3]));
        await Until(() => Task.FromResult(!Directory.Exists(FolderOf(cluster, 4))));
        var again = (await cluster.Grains.GetTopic("t").Reassign(new Dictionary<int, IReadOnlyList<int>?> { [0] = null })).Single();
        Assert.Equal(ErrorCode.NoReassignmentInProgress, again.Error);
    }

    [Fact]
    public async Task What_cannot_be_is_refused_and_says_why()
    {
        await using var cluster = await NodeCluster.StartAsync(2);
        await CreateAsync(cluster, [1]);
        await cluster.Catalog.SetDraining(2, true);
        var outcomes = await cluster.Grains.GetTopic("t").Reassign(new Dictionary<int, IReadOnlyList<int>?> { [0] = [2], [7] = [1] });
        Assert.Equal([ErrorCode.InvalidReplicaAssignment, ErrorCode.UnknownTopicOrPartition], outcomes.Select(each => each.Error));
        Assert.Contains("nodes 2", outcomes[0].Message, StringComparison.Ordinal);
        await cluster.Catalog.SetDraining(2, false);
        outcomes = await cluster.Grains.GetTopic("t").Reassign(new Dictionary<int, IReadOnlyList<int>?> { [0] = [2, 2] });
        Assert.Equal(ErrorCode.InvalidReplicaAssignment, outcomes.Single().Error);
        Assert.Empty(await cluster.Grains.GetTopic("t").ListReassignments());
    }

    [Fact]
    public async Task A_node_joins_and_takes_its_share_and_another_is_drained_and_forgotten()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t", partitions: 4, replicas: 2);
        for (var partition = 0; partition < 4; partition++) await cluster.ProduceAsync("t", partition, "a", "b");
        await cluster.StartNodeAsync(4);
        var topology = cluster.Grains.GetTopology();
        await BeginAsync(cluster, await topology.PlanBalance());
        await Until(async () => (await topology.ListReassignments()).Count == 0);
        Assert.Equal([2, 2, 2, 2], (await topology.CountReplicas()).OrderBy(each => each.Key).Select(each => each.Value));
        Assert.Empty(await topology.PlanBalance());

        await cluster.Catalog.SetDraining(1, true);
        await BeginAsync(cluster, await topology.PlanDrain(1));
        for (var partition = 0; partition < 4; partition++) await cluster.ProduceAsync("t", partition, "c");
        await Until(async () => (await topology.ListReassignments()).Count == 0);
        await Until(async () => (await cluster.Grains.GetNode(1).DescribeUsage()).Replicas == 0);

        // It gets nothing new, may go, and is forgotten.
        var created = await cluster.CreateTopicAsync("later", partitions: 6, replicas: 3);
        Assert.DoesNotContain(created.Partitions, partition => partition.Replicas.Contains(1));
        await Assert.ThrowsAsync<OrleansLogException>(() => cluster.CreateTopicAsync("wide", replicas: 4));
        var runs = await Assert.ThrowsAsync<OrleansLogException>(() => cluster.Catalog.ForgetNode(1));
        Assert.Equal(ErrorCode.InvalidRequest, runs.Error);
        await cluster.StopNodeAsync(1);
        await Until(async () => (await cluster.Catalog.ListNodes()) is [{ IsRunning: false, IsDraining: true }, ..]);
        await cluster.Catalog.ForgetNode(1);
        Assert.Equal([2, 3, 4], (await cluster.Catalog.ListNodes()).Select(node => node.Node.NodeId));
        for (var partition = 0; partition < 4; partition++)
            Assert.Equal(["0:a", "1:b", "2:c"], await cluster.Partition("t", partition).ReadAllAsync());
    }

    [Fact]
    public async Task A_node_whose_disk_was_wiped_comes_back_and_is_filled_up()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await CreateAsync(cluster, [1, 2, 3]);
        await cluster.ProduceAsync("t", 0, "a", "b");
        await cluster.WhenInSyncAsync("t", 0);
        await cluster.KillNodeAsync(3);
        Directory.Delete(cluster.DirectoryOf(3), recursive: true);
        await cluster.ProduceAsync("t", 0, "c");
        await cluster.StartNodeAsync(3);
        await cluster.WhenInSyncAsync("t", 0);
        Assert.Equal(3, cluster.Replicas(3).Open.Single().Log.LogEndOffset);
    }

    private static void SlowMoves(OrleansLog.Grains.OrleansLogOptions options) => options.MaxReassignmentBytesPerSecond = 300_000;

    private static Task<TopicDescription> CreateAsync(NodeCluster cluster, params int[] replicas) => cluster.Catalog.CreateTopic(
        new CreateTopicRequest("t", -1, -1, new Dictionary<string, string>(), Assignment: [replicas]));

    // As much as takes a while at the rate of SlowMoves, of batches larger than one request to a follower.
    private static async Task FillAsync(NodeCluster cluster)
    {
        for (var i = 0; i < 3; i++) await cluster.ProduceAsync("t", 0, new string((char)('a' + i), 600_000));
        await cluster.WhenInSyncAsync("t", 0);
    }

    private static async Task ReassignAsync(NodeCluster cluster, IReadOnlyList<int>? replicas)
    {
        var outcome = (await cluster.Grains.GetTopic("t").Reassign(new Dictionary<int, IReadOnlyList<int>?> { [0] = replicas })).Single();
        Assert.True(outcome.Error == ErrorCode.None, outcome.Message);
    }

    private static async Task BeginAsync(NodeCluster cluster, IReadOnlyList<ReplicaMove> plan)
    {
        Assert.NotEmpty(plan);
        foreach (var topic in plan.GroupBy(move => move.Partition.Topic))
        {
            var outcomes = await cluster.Grains.GetTopic(topic.Key).Reassign(
                topic.ToDictionary(move => move.Partition.Partition, move => (IReadOnlyList<int>?)move.To));
            Assert.All(outcomes, outcome => Assert.True(outcome.Error == ErrorCode.None, outcome.Message));
        }
    }

    private static string FolderOf(NodeCluster cluster, int node) => Path.Combine(cluster.DirectoryOf(node), s_first.ToString());

    private static string LogOf(NodeCluster cluster, int node) => Path.Combine(FolderOf(cluster, node), "00000000000000000000.log");

    private static async Task Until(Func<Task<bool>> condition)
    {
        for (var i = 0; i < 600; i++)
        {
            if (await condition()) return;
            await Task.Delay(50);
        }

        Assert.Fail("It did not come about.");
    }
}
