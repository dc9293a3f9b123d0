using Xunit;

namespace OrleansLog.Tests.Kafka;

/// <summary>Replicas are placed and moved by Kafka's requests, and every silo tells where they are.</summary>
public sealed class ReassignmentApiTests
{
    [Fact]
    public async Task Every_silo_shows_the_replicas_of_a_partition_that_is_moved_until_it_is_given_up()
    {
        await using var cluster = await KafkaCluster.StartAsync(4, options => options.MaxReassignmentBytesPerSecond = 1000);
        using var peer = await cluster.ConnectAsync(3);
        Assert.Equal(ErrorCode.None, (await peer.CreateAsync("t", [(0, [1, 2, 3])])).Error);
        // More than the limit lets through for as long as this test takes.
        for (var i = 0; i < 3; i++) await cluster.Nodes.ProduceAsync("t", 0, new string('x', 600_000));
        await cluster.Nodes.WhenInSyncAsync("t", 0);
        Assert.Equal([(0, ErrorCode.None, null)], await peer.ReassignAsync("t", [(0, [4, 2, 3])], version: 0));

        var running = Assert.Single(await peer.ListMovesAsync(null));
        Assert.Equal(("t", 0), (running.Topic, running.Partition));
        Assert.Equal([4, 2, 3, 1], running.Replicas);
        Assert.Equal([4], running.Adding);
        Assert.Equal([1], running.Removing);
        Assert.Single(await peer.ListMovesAsync(("none", [0]), ("t", [0, 7])));
        Assert.Empty(await peer.ListMovesAsync(("t", [1])));
        await cluster.WhenShownAsync("t", it => it is { Leader: 1, Replicas: [4, 2, 3, 1], InSync: [1, 2, 3] });
        // It is to have three, though there are four meanwhile.
        var wider = await peer.ReassignAsync("t", [(0, [4, 3, 2, 1])], mayResize: false);
        Assert.Equal(ErrorCode.InvalidReplicationFactor, Assert.Single(wider).Error);

        Assert.Equal([(0, ErrorCode.None, null)], await peer.ReassignAsync("t", [(0, null)]));
        await cluster.WhenShownAsync("t", it => it is { Leader: 1, Replicas: [1, 2, 3], InSync: [1, 2, 3] });
        Assert.Empty(await peer.ListMovesAsync(null));
        Assert.Equal(ErrorCode.NoReassignmentInProgress, Assert.Single(await peer.ReassignAsync("t", [(0, null)])).Error);
    }

    [Fact]
    public async Task Every_silo_shows_where_a_partition_has_been_moved_with_its_leader()
    {
        await using var cluster = await KafkaCluster.StartAsync(3);
        using var peer = await cluster.ConnectAsync(2);
        await peer.CreateAsync("t", [(0, [1])]);
        await cluster.Nodes.ProduceAsync("t", 0, "a");
        await cluster.WhenShownAsync("t", it => it is { Leader: 1, Replicas: [1], InSync: [1] });
        Assert.Equal([(0, ErrorCode.None, null)], await peer.ReassignAsync("t", [(0, [3, 2])]));
        await cluster.WhenShownAsync("t", it => it is { Leader: 3, Replicas: [3, 2], InSync: [2, 3] });
        Assert.Empty(await peer.ListMovesAsync(null));
        using var leader = await cluster.ConnectAsync(3);
        Assert.Equal(1, Assert.Single(await leader.FetchAsync([("t", 0)])).HighWatermark);
    }

    [Fact]
    public async Task What_cannot_be_is_refused_for_each_partition_with_Kafkas_errors()
    {
        await using var cluster = await KafkaCluster.StartAsync(2);
        using var peer = await cluster.ConnectAsync(1);
        await peer.CreateAsync("t", [(0, [1]), (1, [2]), (2, [1]), (3, [2]), (4, [1])]);
        var outcomes = await peer.ReassignAsync("t", [(0, null), (1, []), (2, [1, 1]), (3, [9]), (4, [1]), (7, [1]), (-1, null)]);
        Assert.Equal(
            [
                (0, ErrorCode.NoReassignmentInProgress), (1, ErrorCode.InvalidReplicaAssignment), (2, ErrorCode.InvalidReplicaAssignment),
                (3, ErrorCode.InvalidReplicaAssignment), (4, ErrorCode.None), (7, ErrorCode.UnknownTopicOrPartition),
                (-1, ErrorCode.UnknownTopicOrPartition),
            ],
            outcomes.Select(each => (each.Partition, each.Error)));
        Assert.All(outcomes, each => Assert.Equal(each.Error == ErrorCode.None, each.Message is null));
        Assert.Contains("nodes 9", outcomes[3].Message, StringComparison.Ordinal);
        Assert.Equal([ErrorCode.UnknownTopicOrPartition], (await peer.ReassignAsync("none", [(0, [1])])).Select(each => each.Error));
        Assert.Equal([ErrorCode.UnknownTopicOrPartition], (await peer.ReassignAsync("no name", [(0, null)])).Select(each => each.Error));

        outcomes = await peer.ReassignAsync("t", [(0, [1, 2]), (1, []), (2, [2]), (3, null)], mayResize: false);
        Assert.Equal(
            [
                (0, ErrorCode.InvalidReplicationFactor), (1, ErrorCode.InvalidReplicaAssignment), (2, ErrorCode.None),
                (3, ErrorCode.NoReassignmentInProgress),
            ],
            outcomes.Select(each => (each.Partition, each.Error)));
        await cluster.WhenShownAsync("t", it => it is { Leader: 2, Replicas: [2], InSync: [2] }, partition: 2);
    }

    [Fact]
    public async Task A_topic_is_made_on_the_nodes_named_or_refused_with_Kafkas_errors()
    {
        await using var cluster = await KafkaCluster.StartAsync(2);
        using var peer = await cluster.ConnectAsync(2);
        Assert.Equal((ErrorCode.None, null, 2, 2), await peer.CreateAsync("t", [(1, [1, 2]), (0, [2, 1])], validateOnly: true));
        Assert.Equal((ErrorCode.None, null, 2, 2), await peer.CreateAsync("t", [(1, [1, 2]), (0, [2, 1])]));
        await cluster.WhenShownAsync("t", it => it is { Error: ErrorCode.None, Replicas: [2, 1] }, partition: 0);
        await cluster.WhenShownAsync("t", it => it is { Error: ErrorCode.None, Replicas: [1, 2] }, partition: 1);

        Assert.Equal(ErrorCode.InvalidRequest, (await peer.CreateAsync("u", [(0, [1])], partitions: 1)).Error);
        Assert.Equal(ErrorCode.InvalidRequest, (await peer.CreateAsync("u", [(0, [1])], replicas: 1)).Error);
        (int, int[])[][] impossible =
            [[(0, [1]), (0, [2])], [(1, [1])], [(0, [1]), (2, [1])], [(0, [])], [(0, [1, 1])], [(0, [9])], [(0, [1]), (1, [1, 2])]];
        foreach (var assignment in impossible)
        {
            var (error, message, _, _) = await peer.CreateAsync("u", assignment);
            Assert.Equal(ErrorCode.InvalidReplicaAssignment, error);
            Assert.Contains("'u'", message, StringComparison.Ordinal);
        }

        // As many as there are to be, on as many different nodes as the others, that there are.
        foreach (var (count, nodes) in ((int, int[][])[])[(4, [[1, 2]]), (3, [[1, 2], [2, 1]]), (3, [[1]]), (3, [[1, 1]]), (3, [[1, 9]])])
        {
            var (error, message) = await peer.ExtendAsync("t", count, nodes);
            Assert.Equal(ErrorCode.InvalidReplicaAssignment, error);
            Assert.Contains("'t'", message, StringComparison.Ordinal);
        }

        Assert.Equal(2, (await peer.DescribeAsync("t")).Length);
        Assert.Equal((ErrorCode.None, null), await peer.ExtendAsync("t", 4, [2, 1], [1, 2]));
        await cluster.WhenShownAsync("t", it => it is { Error: ErrorCode.None, Replicas: [2, 1] }, partition: 2);
        await cluster.WhenShownAsync("t", it => it is { Error: ErrorCode.None, Replicas: [1, 2] }, partition: 3);
    }
}
