using OrleansLog.Records;
using OrleansLog.Tests.Grains;
using Xunit;

namespace OrleansLog.Tests.Cluster;

/// <summary>Five nodes, of which each holds some of the partitions only, and more than one may be away.</summary>
public sealed class FiveNodeTests
{
    [Fact]
    public async Task Each_of_them_is_killed_in_turn_and_nothing_that_was_acknowledged_is_lost()
    {
        const int partitions = 10;
        await using var cluster = await NodeCluster.StartAsync(5);
        await cluster.CreateTopicAsync("t", partitions, configs: MinInSync(2));
        var acknowledged = Enumerable.Range(0, partitions).Select(_ => new List<string>()).ToArray();
        for (var node = 1; node <= 5; node++)
        {
            await ProduceToAllAsync($"before {node}");
            Assert.Equal(6, cluster.Replicas(node).Open.Count); // ten partitions of three replicas on five nodes
            await cluster.KillNodeAsync(node);
            await ProduceToAllAsync($"without {node}");
            await cluster.StartNodeAsync(node);
            for (var partition = 0; partition < partitions; partition++) await cluster.WhenInSyncAsync("t", partition);
        }

        for (var partition = 0; partition < partitions; partition++)
            Assert.Equal(acknowledged[partition], await cluster.ReadAllAsync("t", partition));

        async Task ProduceToAllAsync(string value)
        {
            for (var partition = 0; partition < partitions; partition++)
                acknowledged[partition].Add($"{(await cluster.ProduceAsync("t", partition, value)).Offset}:{value}");
        }
    }

    [Fact]
    public async Task A_partition_on_all_of_them_goes_on_without_two_and_stands_still_without_three()
    {
        await using var cluster = await NodeCluster.StartAsync(5);
        await cluster.CreateTopicAsync("t", replicas: 5, configs: MinInSync(3));
        await cluster.ProduceAsync("t", 0, "a");
        var replicas = (await cluster.WhenInSyncAsync("t", 0, replicas: 5)).Replicas;

        // Those that are next to lead, one after the other.
        await cluster.KillNodeAsync(replicas[0]);
        await cluster.KillNodeAsync(replicas[1]);
        await cluster.ProduceAsync("t", 0, "b");
        Assert.Equal(replicas[2], (await cluster.WaitForAsync("t", 0, static it => it.InSyncReplicas.Count == 3)).Leader);

        await cluster.KillNodeAsync(replicas[2]);
        await cluster.WaitForAsync("t", 0, static it => it.InSyncReplicas.Count == 2);
        var refused = await Assert.ThrowsAsync<OrleansLogException>(() => cluster.Partition("t", 0).Produce(Batches.Request("no")));
        Assert.Equal(ErrorCode.NotEnoughReplicas, refused.Error);
        Assert.Equal(["0:a", "1:b"], await cluster.ReadAllAsync("t", 0));

        for (var i = 0; i < 3; i++) await cluster.StartNodeAsync(replicas[i]);
        await cluster.ProduceAsync("t", 0, "c");
        await cluster.WhenInSyncAsync("t", 0, replicas: 5);
        Assert.Equal(["0:a", "1:b", "2:c"], await cluster.ReadAllAsync("t", 0));
        Assert.All(replicas, node => Assert.Equal(3, cluster.Replicas(node).Open.Single().Log.LogEndOffset));
    }

    private static Dictionary<string, string> MinInSync(int replicas) => new()
    {
        ["min.insync.replicas"] = replicas.ToString(System.Globalization.CultureInfo.InvariantCulture),
    };
}
