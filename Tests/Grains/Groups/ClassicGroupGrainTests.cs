using Microsoft.Extensions.DependencyInjection;
using OrleansLog.Engine.Groups;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Grains.Groups;

/// <summary>Groups of the classic protocol, as their grain serves them.</summary>
public sealed class ClassicGroupGrainTests : IDisposable
{
    private readonly TemporaryDirectory _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task A_group_survives_the_kill_of_its_silo()
    {
        var cluster = await StartAsync();
        await cluster.CreateTopicAsync("logs", 4);
        var group = cluster.Grains.GetConsumerGroup("readers");
        var joined = await group.JoinClassic(Join(""));
        Assert.Equal("mine"u8.ToArray(), (await group.SyncClassic(Sync(joined, "mine"u8.ToArray()))).Assignment);
        Assert.Equal(ErrorCode.None, await CommitAsync(group, joined, 5));
        await cluster.KillAsync();

        await using var again = await StartAsync();
        group = again.Grains.GetConsumerGroup("readers");
        Assert.Equal(ErrorCode.None, await group.HeartbeatClassic(joined.MemberId, null, joined.Generation));
        Assert.Equal("mine"u8.ToArray(), (await group.SyncClassic(Sync(joined, null))).Assignment);
        Assert.Equal(ErrorCode.None, await CommitAsync(group, joined, 6));
        var stale = await Assert.ThrowsAsync<OrleansLogException>(() => CommitAsync(group, joined with { Generation = 0 }, 7));
        Assert.Equal(ErrorCode.IllegalGeneration, stale.Error);
        var described = await group.Describe();
        Assert.Equal(("Stable", "consumer", "range"), (described.State, described.Classic!.ProtocolType, described.Classic.Protocol));
        Assert.Equal("mine"u8.ToArray(), Assert.Single(described.Classic.Members).Assignment);
    }

    [Fact]
    public async Task A_silent_member_is_removed_though_nobody_calls()
    {
        await using var cluster = await StartAsync(options => options.MinSessionTimeout = TimeSpan.FromMilliseconds(100));
        var group = cluster.Grains.GetConsumerGroup("readers");
        var silent = await group.JoinClassic(Join("") with { SessionTimeoutMs = 500 });
        await group.SyncClassic(Sync(silent, []));
        var waiting = group.JoinClassic(Join(""));

        var joined = await waiting.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(joined.MemberId, Assert.Single(joined.Members).MemberId);
    }

    [Fact]
    public async Task Whoever_waits_is_answered_when_the_silo_stops()
    {
        await using var cluster = await StartAsync();
        var group = cluster.Services.GetRequiredService<IGrainFactory>().GetConsumerGroup("readers");
        var member = await group.JoinClassic(Join(""));
        await group.SyncClassic(Sync(member, []));
        var waiting = group.JoinClassic(Join(""));
        Assert.False(waiting.IsCompleted);

        var stopping = cluster.DisposeAsync().AsTask();

        try
        {
            var told = await waiting.WaitAsync(TimeSpan.FromSeconds(30));
            Assert.Equal(ErrorCode.NotCoordinator, told.Error);
        }
        catch (Exception e) when (e is OrleansException or OrleansLogException)
        {
            // It is told that way too.
        }

        await stopping.WaitAsync(TimeSpan.FromSeconds(60));
    }

    private static ClassicJoinRequest Join(string member) => new(
        member, null, "consumer", [new ClassicGroupProtocol("range", [])], 10_000, 60_000, "test", "/127.0.0.1");

    private static ClassicSyncRequest Sync(ClassicJoinResponse member, byte[]? assignment) => new(
        member.MemberId, null, member.Generation,
        assignment is null ? [] : [new ClassicMemberAssignment(member.MemberId, assignment)]);

    private static async Task<ErrorCode> CommitAsync(IConsumerGroupGrain group, ClassicJoinResponse member, long offset) =>
        Assert.Single(await group.CommitOffsets(new OffsetCommitRequest(
            member.MemberId, member.Generation, null, [new CommittedOffset(new TopicPartition("logs", 0), offset)]))).Error;

    private Task<LogCluster> StartAsync(Action<GroupOptions>? configure = null) => LogCluster.StartAsync(
        _data.Path, configureSilo: silo => silo.Services.Configure<GroupOptions>(options =>
        {
            options.InitialRebalanceDelay = TimeSpan.Zero;
            configure?.Invoke(options);
        }));
}
