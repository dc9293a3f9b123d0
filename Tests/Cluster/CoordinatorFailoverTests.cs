using OrleansLog.Engine.Groups;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;
using Xunit;
using Xunit.Abstractions;

namespace OrleansLog.Tests.Cluster;

/// <summary>A consumer group whose coordinator's node is killed.</summary>
public sealed class CoordinatorFailoverTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Offsets_and_ownership_outlive_the_coordinators_node()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t", partitions: 4);
        var group = cluster.Grains.GetConsumerGroup("g");
        var joined = await JoinAsync(group, "m");
        Assert.Equal(4, joined.Assignment!.Count);
        var commit = await group.CommitOffsets(new OffsetCommitRequest(
            "m", joined.MemberEpoch, null, [new CommittedOffset(new TopicPartition("t", 0), 17)]));
        Assert.Equal(ErrorCode.None, commit.Single().Error);

        var home = new TopicPartition(GroupPartitioner.OffsetsTopic, GroupPartitioner.PartitionFor("g", 2));
        var before = await cluster.WhenInSyncAsync(home.Topic, home.Partition);
        await cluster.KillNodeAsync(before.Leader);
        var started = TimeProvider.System.GetTimestamp();
        var offsets = await RetryAsync(() => group.FetchOffsets(null));
        output.WriteLine(
            $"The group answered {TimeProvider.System.GetElapsedTime(started).TotalMilliseconds:0} ms after its node was declared dead.");
        Assert.Equal(17, offsets.Single().Offset);
        var again = await RetryAsync(() => group.Heartbeat(Beat("m", joined.MemberEpoch, subscribe: false)));
        Assert.Equal(joined.MemberEpoch, again.MemberEpoch);
        var described = await RetryAsync(group.Describe);
        Assert.Equal("m", described.Members.Single().MemberId);
        Assert.NotEqual(before.Leader, (await cluster.Partition(home.Topic, home.Partition).Describe()).Leader);
    }

    private static GroupHeartbeatRequest Beat(string member, int epoch, bool subscribe) => new(
        member, epoch, null, RebalanceTimeoutMs: 60_000, subscribe ? ["t"] : null, null, null, subscribe ? [] : null, "test");

    private static async Task<GroupHeartbeatResponse> JoinAsync(IConsumerGroupGrain group, string member)
    {
        var response = await RetryAsync(() => group.Heartbeat(Beat(member, 0, subscribe: true)));
        while (response.Assignment is null || response.Assignment.Count == 0)
        {
            await Task.Delay(50);
            response = await RetryAsync(() => group.Heartbeat(Beat(member, response.MemberEpoch, subscribe: false)));
        }

        return response;
    }

    private static async Task<T> RetryAsync<T>(Func<Task<T>> call)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return await call().WaitAsync(TimeSpan.FromSeconds(5));
            }
            catch (Exception e) when (attempt < 500 && e is OrleansLogException { IsRetriable: true } or OrleansException or TimeoutException)
            {
                await Task.Delay(20);
            }
        }
    }
}
