using OrleansLog.Engine.Groups;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace OrleansLog.Tests.Grains.Groups;

public sealed class ConsumerGroupGrainTests : IDisposable
{
    private readonly TemporaryDirectory _data = new();

    public void Dispose() => _data.Dispose();

    private static GroupHeartbeatRequest Join(string member, params string[] topics) =>
        new(member, 0, null, 60_000, topics, null, null, [], "test");

    private static GroupHeartbeatRequest Beat(GroupHeartbeatResponse last, IReadOnlyList<TopicPartition>? owned = null) =>
        new(last.MemberId, last.MemberEpoch, null, -1, null, null, null, owned, "test");

    private static OffsetCommitRequest Commit(GroupHeartbeatResponse member, TopicPartition partition, long offset) =>
        new(member.MemberId, member.MemberEpoch, null, [new CommittedOffset(partition, offset)]);

    [Fact]
    public async Task A_group_survives_the_kill_of_its_silo()
    {
        var logs0 = new TopicPartition("logs", 0);
        var cluster = await LogCluster.StartAsync(_data.Path);
        await cluster.CreateTopicAsync("logs", 4);
        var group = cluster.Grains.GetConsumerGroup("readers");
        Assert.Equal("Dead", (await group.Describe()).State);
        var member = await group.Heartbeat(Join("a", "logs"));
        Assert.Equal(4, member.Assignment!.Count);
        for (var i = 1; i <= 50; i++)
            Assert.Equal(ErrorCode.None, Assert.Single(await group.CommitOffsets(Commit(member, logs0, i))).Error);
        await cluster.KillAsync();

        await using var again = await LogCluster.StartAsync(_data.Path);
        group = again.Grains.GetConsumerGroup("readers");
        Assert.Equal(50, Assert.Single(await group.FetchOffsets(null)).Offset);
        var description = await group.Describe();
        Assert.Equal(("Stable", "a"), (description.State, Assert.Single(description.Members).MemberId));
        Assert.Equal(["readers"], await again.Catalog.ListGroups());
        member = await group.Heartbeat(Beat(member));
        Assert.Equal(ErrorCode.None, Assert.Single(await group.CommitOffsets(Commit(member, logs0, 51))).Error);
    }

    [Fact]
    public async Task Two_members_share_a_topic_and_a_new_one_reaches_them()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path);
        await cluster.CreateTopicAsync("logs.0", 4);
        var group = cluster.Grains.GetConsumerGroup("readers");
        var pattern = new GroupHeartbeatRequest("a", 0, null, 60_000, null, "logs\\..*", null, [], "test");
        var a = await group.Heartbeat(pattern);
        var b = await group.Heartbeat(pattern with { MemberId = "b" });
        Assert.Empty(b.Assignment!);
        var told = await group.Heartbeat(Beat(a, a.Assignment));
        a = await group.Heartbeat(Beat(told, told.Assignment));
        b = await group.Heartbeat(Beat(b, []));
        Assert.Equal(4, told.Assignment!.Concat(b.Assignment!).Distinct().Count());

        await cluster.CreateTopicAsync("logs.1", 2);

        // The coordinator looks for new topics every few seconds.
        while (a.Assignment is null || b.Assignment is not { Count: 3 } || a.Assignment.Count != 3)
        {
            a = await Settle(group, a);
            b = await Settle(group, b);
            await Task.Delay(100);
        }

        Assert.Equal(6, a.Assignment.Concat(b.Assignment).Distinct().Count());
    }

    [Fact]
    public async Task A_silent_member_is_removed_and_its_late_commit_refused()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path, configureSilo: silo =>
            silo.Services.Configure<GroupOptions>(options =>
            {
                options.HeartbeatInterval = TimeSpan.FromMilliseconds(50);
                options.SessionTimeout = TimeSpan.FromMilliseconds(1500);
            }));
        await cluster.CreateTopicAsync("logs", 2);
        var group = cluster.Grains.GetConsumerGroup("readers");
        var silent = await group.Heartbeat(Join("silent", "logs"));
        var b = await group.Heartbeat(Join("b", "logs"));

        while (b.Assignment is not { Count: 2 })
        {
            b = await Settle(group, b);
            await Task.Delay(20);
        }

        var refused = await Assert.ThrowsAsync<OrleansLogException>(
            () => group.CommitOffsets(Commit(silent, new TopicPartition("logs", 0), 5)));
        Assert.Equal(ErrorCode.UnknownMemberId, refused.Error);
        Assert.Empty(await group.FetchOffsets(null));
    }

    [Fact]
    public async Task A_deleted_group_leaves_the_list_and_may_begin_anew()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path);
        await cluster.CreateTopicAsync("logs", 2);
        var group = cluster.Grains.GetConsumerGroup("readers");
        var outside = new OffsetCommitRequest("", -1, null, [new CommittedOffset(new TopicPartition("logs", 1), 9, 3, "why")]);
        await group.CommitOffsets(outside);
        Assert.Equal(["readers"], await cluster.Catalog.ListGroups());
        var kept = Assert.Single(await group.FetchOffsets([new TopicPartition("logs", 0), new TopicPartition("logs", 1)]));
        Assert.Equal((9, 3, "why"), (kept.Offset, kept.LeaderEpoch, kept.Metadata));

        await group.Delete();

        Assert.Empty(await cluster.Catalog.ListGroups());
        Assert.Equal("Dead", (await group.Describe()).State);
        Assert.Equal(
            ErrorCode.GroupIdNotFound, (await Assert.ThrowsAsync<OrleansLogException>(group.Delete)).Error);
        await group.CommitOffsets(outside);
        Assert.Equal(["readers"], await cluster.Catalog.ListGroups());
    }

    [Fact]
    public async Task Offsets_of_a_group_that_nobody_uses_expire_and_the_group_with_them()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path, configureSilo: silo =>
            silo.Services.Configure<GroupOptions>(options =>
            {
                options.OffsetsRetention = TimeSpan.FromSeconds(1);
                options.ExpiryCheckInterval = TimeSpan.FromSeconds(1);
            }));
        await cluster.CreateTopicAsync("logs");
        var group = cluster.Grains.GetConsumerGroup("readers");
        await group.CommitOffsets(new OffsetCommitRequest("", -1, null, [new CommittedOffset(new TopicPartition("logs", 0), 9)]));

        while ((await cluster.Catalog.ListGroups()).Count > 0) await Task.Delay(50);

        Assert.Equal("Dead", (await group.Describe()).State);
        Assert.Empty(await group.FetchOffsets(null));
    }

    [Fact]
    public async Task A_failed_append_makes_the_coordinator_load_anew_and_loses_nothing_acknowledged()
    {
        var fault = new ProduceFault();
        await using var cluster = await LogCluster.StartAsync(_data.Path, configureSilo: silo => silo.AddIncomingGrainCallFilter(fault));
        await cluster.CreateTopicAsync("logs", 1);
        var logs0 = new TopicPartition("logs", 0);
        var group = cluster.Grains.GetConsumerGroup("readers");
        var member = await group.Heartbeat(Join("a", "logs"));
        await group.CommitOffsets(Commit(member, logs0, 1));

        fault.FailBefore = 1; // never written
        Assert.Equal(
            ErrorCode.CoordinatorNotAvailable,
            (await Assert.ThrowsAsync<OrleansLogException>(() => group.CommitOffsets(Commit(member, logs0, 2)))).Error);
        Assert.Equal(1, Assert.Single(await group.FetchOffsets(null)).Offset);

        fault.FailAfter = 1; // written, but nobody heard
        await Assert.ThrowsAsync<OrleansLogException>(() => group.CommitOffsets(Commit(member, logs0, 3)));
        Assert.Equal(3, Assert.Single(await group.FetchOffsets(null)).Offset);

        member = await group.Heartbeat(Beat(member));
        Assert.Equal(ErrorCode.None, Assert.Single(await group.CommitOffsets(Commit(member, logs0, 4))).Error);
    }

    [Fact]
    public async Task Commits_of_many_at_once_are_all_kept_and_share_appends()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path);
        await cluster.CreateTopicAsync("logs", 50);
        var group = cluster.Grains.GetConsumerGroup("readers");
        var member = await group.Heartbeat(Join("a", "logs"));

        async Task CommitAll(int partition)
        {
            for (var offset = 1; offset <= 40; offset++)
            {
                var results = await group.CommitOffsets(Commit(member, new TopicPartition("logs", partition), offset));
                Assert.Equal(ErrorCode.None, Assert.Single(results).Error);
            }
        }

        await Task.WhenAll(Enumerable.Range(0, 50).Select(CommitAll));

        var offsets = await group.FetchOffsets(null);
        Assert.Equal(50, offsets.Count);
        Assert.All(offsets, offset => Assert.Equal(40, offset.Offset));
    }

    [Fact]
    public async Task A_settings_fault_keeps_the_silo_from_starting()
    {
        var fault = await Assert.ThrowsAnyAsync<Exception>(() => LogCluster.StartAsync(_data.Path, configureSilo: silo =>
            silo.Services.Configure<GroupOptions>(options => options.SessionTimeout = TimeSpan.FromMilliseconds(1))));
        Assert.Contains("OrleansLog:Groups:SessionTimeout", fault.ToString(), StringComparison.Ordinal);
    }

    /// <summary>One step of a member that does at once what it is told; keeps the assignment that it was told last.</summary>
    private static async Task<GroupHeartbeatResponse> Settle(IConsumerGroupGrain group, GroupHeartbeatResponse last)
    {
        var next = await group.Heartbeat(Beat(last, last.Assignment));
        return next.Assignment is null ? next with { Assignment = last.Assignment } : next;
    }

    private sealed class ProduceFault : IIncomingGrainCallFilter
    {
        public int FailBefore;
        public int FailAfter;

        public async Task Invoke(IIncomingGrainCallContext context)
        {
            var isOffsets = context.MethodName == nameof(IPartitionGrain.Produce)
                && context.TargetId.Key.ToString()!.Contains("__consumer_offsets", StringComparison.Ordinal);
            if (isOffsets && Interlocked.CompareExchange(ref FailBefore, 0, 1) == 1) throw new TimeoutException("as ordered");
            await context.Invoke();
            if (isOffsets && Interlocked.CompareExchange(ref FailAfter, 0, 1) == 1) throw new TimeoutException("as ordered");
        }
    }
}
