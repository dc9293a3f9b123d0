using OrleansLog.Kafka;
using OrleansLog.Kafka.Server;
using OrleansLog.Tests.Cluster;
using OrleansLog.Tests.Grains;
using OrleansLog.Tests.Processes;
using Xunit;

namespace OrleansLog.Tests.Kafka;

/// <summary>Three silos with a Kafka listener each: who is said to lead, and who says so.</summary>
public sealed class ClusterApiTests
{
    [Fact]
    public async Task Every_silo_names_the_true_leader_through_a_failover_and_only_the_leader_serves()
    {
        var ports = Enumerable.Range(0, 4).Select(_ => FreePorts.Next()).ToArray();
        await using var cluster = await NodeCluster.StartAsync(
            3, configureSilo: (node, silo) => silo.Services.AddOrleansLogKafka(KafkaSilo.EndpointAt(ports[node])));
        await cluster.CreateTopicAsync("t");
        await cluster.ProduceAsync("t", 0, "a");
        var before = await cluster.WhenInSyncAsync("t", 0);
        for (var node = 1; node <= 3; node++)
        {
            using var peer = await KafkaPeer.ConnectAsync(ports[node]);
            var partition = Assert.Single((await peer.MetadataAsync("t")).Partitions);
            Assert.Equal((ErrorCode.None, before.Leader, before.LeaderEpoch), partition);
            var isLeader = node == before.Leader;
            Assert.Equal(
                isLeader ? ErrorCode.None : ErrorCode.NotLeaderOrFollower, (await peer.ProduceAsync("t", Batches.Of("b"))).Error);
            Assert.Equal(isLeader ? ErrorCode.None : ErrorCode.NotLeaderOrFollower, (await peer.FetchAsync([("t", 0)]))[0].Error);
        }

        await cluster.KillNodeAsync(before.Leader);
        var after = await cluster.WaitForAsync("t", 0, state => state.Leader != before.Leader);
        foreach (var node in Enumerable.Range(1, 3).Where(node => node != before.Leader))
        {
            using var peer = await KafkaPeer.ConnectAsync(ports[node]);
            var partition = Assert.Single((await peer.MetadataAsync("t")).Partitions);
            Assert.Equal((ErrorCode.None, after.Leader), (partition.Error, partition.Leader));
            Assert.True(partition.Epoch > before.LeaderEpoch);
            if (node != after.Leader) continue;
            Assert.Equal(ErrorCode.FencedLeaderEpoch, (await peer.FetchAsync([("t", 0)], leaderEpoch: before.LeaderEpoch))[0].Error);
            Assert.Equal((ErrorCode.None, 2), await ProduceAsync(peer));
        }

        static async Task<(ErrorCode, long)> ProduceAsync(KafkaPeer peer)
        {
            var (error, offset, _) = await peer.ProduceAsync("t", Batches.Of("c"));
            return (error, offset);
        }
    }

    [Fact]
    public async Task A_listener_is_there_as_soon_as_the_silo_is_and_gone_when_it_has_stopped()
    {
        var port = FreePorts.Next();
        await using var cluster = await NodeCluster.StartAsync(
            1, configureSilo: (_, silo) => silo.Services.AddOrleansLogKafka(KafkaSilo.EndpointAt(port)));
        Assert.Equal(0, cluster.Service<KafkaListener>(1).ConnectionCount);
        using var peer = await KafkaPeer.ConnectAsync(port);
        Assert.Equal(ErrorCode.None, (await peer.MetadataAsync("t")).Error);
        await cluster.StopNodeAsync(1);
        await peer.WhenClosedAsync();
        await Assert.ThrowsAsync<System.Net.Sockets.SocketException>(() => KafkaPeer.ConnectAsync(port));
    }
}
