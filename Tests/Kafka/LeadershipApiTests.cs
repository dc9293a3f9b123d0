using OrleansLog.Tests.Grains;
using Xunit;

namespace OrleansLog.Tests.Kafka;

/// <summary>Who leads and who coordinates, when that has changed or somebody else is asked.</summary>
public sealed class LeadershipApiTests
{
    [Fact]
    public async Task The_preferred_replica_is_elected_back_and_the_end_of_each_leaders_epoch_is_told()
    {
        await using var cluster = await KafkaCluster.StartAsync(2);
        using var first = await cluster.ConnectAsync(1);
        using var second = await cluster.ConnectAsync(2);
        await first.CreateAsync("t", [(0, [1, 2])]);
        await first.MetadataAsync("t");
        Assert.Equal(ErrorCode.None, (await first.ProduceAsync("t", Batches.Of("a", "b", "c"))).Error);
        var before = await cluster.Nodes.WhenInSyncAsync("t", 0, replicas: 2);
        Assert.Equal([(0, ErrorCode.ElectionNotNeeded), (7, ErrorCode.UnknownTopicOrPartition)], await second.ElectAsync("t", 0, 7));

        Assert.Equal(2, await cluster.Nodes.Partition("t", 0).HandOver(2));
        await cluster.WhenShownAsync("t", it => it is { Leader: 2, Replicas: [1, 2], InSync: [1, 2] });
        Assert.Equal(ErrorCode.None, (await second.ProduceAsync("t", Batches.Of("d", "e"))).Error);
        var between = (await second.MetadataAsync("t")).Partitions[0].Epoch;
        Assert.True(between > before.LeaderEpoch);
        for (short version = 2; version <= 4; version++)
        {
            Assert.Equal((ErrorCode.None, before.LeaderEpoch, 3), await second.FindEpochEndAsync("t", before.LeaderEpoch, between, version));
            Assert.Equal((ErrorCode.None, between, 5), await second.FindEpochEndAsync("t", between, version: version));
            Assert.Equal((ErrorCode.FencedLeaderEpoch, -1, -1), await second.FindEpochEndAsync("t", 0, before.LeaderEpoch, version));
            Assert.Equal((ErrorCode.UnknownLeaderEpoch, -1, -1), await second.FindEpochEndAsync("t", 0, between + 1, version));
            Assert.Equal((ErrorCode.NotLeaderOrFollower, -1, -1), await first.FindEpochEndAsync("t", 0, version: version));
            Assert.Equal((ErrorCode.UnknownTopicOrPartition, -1, -1), await first.FindEpochEndAsync("none", 0, version: version));
        }

        Assert.Equal((ErrorCode.None, -1, -1), await second.FindEpochEndAsync("t", between + 1));
        await cluster.Nodes.WhenInSyncAsync("t", 0, replicas: 2);
        Assert.Equal([(0, ErrorCode.None)], await first.ElectAsync("t", 0));
        Assert.Equal(1, (await first.MetadataAsync("t")).Partitions[0].Leader);
        await cluster.WhenShownAsync("t", it => it is { Leader: 1, Replicas: [1, 2] } && it.Epoch > between);
        Assert.Equal((ErrorCode.None, 5), await ProduceAsync(first));

        static async Task<(ErrorCode, long)> ProduceAsync(KafkaPeer peer)
        {
            var (error, offset, _) = await peer.ProduceAsync("t", Batches.Of("f"));
            return (error, offset);
        }
    }

    [Fact]
    public async Task The_preferred_replica_is_elected_of_a_partition_that_nobody_leads_at_the_moment()
    {
        await using var cluster = await KafkaCluster.StartAsync(2);
        using var peer = await cluster.ConnectAsync(2);
        await peer.CreateAsync("t", [(0, [1, 2])]);
        await peer.MetadataAsync("t");
        await cluster.Nodes.WhenInSyncAsync("t", 0, replicas: 2);
        // Handed over, and not opened by the one who is to lead.
        Assert.Equal(2, await cluster.Nodes.Partition("t", 0).HandOver(2));
        Assert.Equal([(0, ErrorCode.None)], await peer.ElectAsync("t", 0));
        await cluster.WhenShownAsync("t", it => it is { Leader: 1, Replicas: [1, 2] });
    }

    [Fact]
    public async Task A_preferred_replica_whose_node_is_gone_is_not_elected()
    {
        await using var cluster = await KafkaCluster.StartAsync(2);
        using var peer = await cluster.ConnectAsync(1);
        await peer.CreateAsync("t", [(0, [2, 1])]);
        await peer.MetadataAsync("t");
        await cluster.Nodes.WhenInSyncAsync("t", 0, replicas: 2);
        await cluster.Nodes.StopNodeAsync(2);
        await cluster.Nodes.WaitForAsync("t", 0, it => it.Leader == 1);
        Assert.Equal([(0, ErrorCode.PreferredLeaderNotAvailable)], await peer.ElectAsync("t", 0));
    }

    [Fact]
    public async Task Only_the_coordinator_of_a_group_serves_it_and_every_silo_names_it()
    {
        await using var cluster = await KafkaCluster.StartAsync(3);
        using var any = await cluster.ConnectAsync(1);
        await any.MetadataAsync("t");
        var home = await any.FindCoordinatorAsync("g");
        Assert.Equal((ErrorCode.None, cluster.PortOf(home.Node)), (home.Error, home.Port));
        using var coordinator = await cluster.ConnectAsync(home.Node);
        var member = await coordinator.JoinFullyAsync("g");
        Assert.Equal(ErrorCode.None, member.Error);
        Assert.Equal(ErrorCode.None, (await coordinator.SyncAsync("g", member, 5, (member.MemberId, [1]))).Error);
        foreach (var node in Enumerable.Range(1, cluster.Count).Where(node => node != home.Node))
        {
            using var wrong = await cluster.ConnectAsync(node);
            Assert.Equal(home, await wrong.FindCoordinatorAsync("g"));
            Assert.Equal(ErrorCode.NotCoordinator, (await wrong.JoinAsync("g", member.MemberId)).Error);
            Assert.Equal(ErrorCode.NotCoordinator, (await wrong.SyncAsync("g", member)).Error);
            Assert.Equal(ErrorCode.NotCoordinator, await wrong.BeatAsync("g", member));
            Assert.Equal(ErrorCode.NotCoordinator, await wrong.CommitAsync("g", member.MemberId, member.Generation, "t", 1));
            Assert.Equal(ErrorCode.NotCoordinator, (await wrong.FetchOffsetAsync("g", "t")).Error);
            Assert.Equal(ErrorCode.NotCoordinator, await wrong.LeaveAsync("g", member.MemberId));
            Assert.Equal(ErrorCode.NotCoordinator, (await wrong.DescribeGroupAsync("g")).Error);
            Assert.Equal(ErrorCode.NotCoordinator, (await wrong.BeatConsumerAsync("g", "m", 0, "t")).Error);
        }

        Assert.Equal(ErrorCode.None, await coordinator.BeatAsync("g", member));
        Assert.Equal(ErrorCode.None, await coordinator.CommitAsync("g", member.MemberId, member.Generation, "t", 1));
    }
}
