using Microsoft.Extensions.DependencyInjection;
using OrleansLog.Engine.Groups;
using OrleansLog.Kafka.Protocol;
using Xunit;

namespace OrleansLog.Tests.Kafka;

/// <summary>Groups over the wire: every version of every request, and the errors that clients steer by.</summary>
public sealed class GroupApiTests : IAsyncLifetime
{
    private KafkaSilo _silo = null!;
    private KafkaPeer _peer = null!;

    public async Task InitializeAsync()
    {
        _silo = await KafkaSilo.StartAsync();
        _silo.Cluster.Services.GetRequiredService<Microsoft.Extensions.Options.IOptions<GroupOptions>>()
            .Value.InitialRebalanceDelay = TimeSpan.Zero;
        _peer = await _silo.ConnectAsync();
        await _peer.MetadataAsync("t");
    }

    public async Task DisposeAsync()
    {
        _peer.Dispose();
        await _silo.DisposeAsync();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    public async Task A_member_lives_its_life_in_every_version(short step)
    {
        short UpTo(short max) => Math.Min(step, max);
        var group = $"g{step}";
        var found = await _peer.FindCoordinatorAsync(group, UpTo(4));
        Assert.Equal((ErrorCode.None, _silo.Port), (found.Error, found.Port));
        var joined = await _peer.JoinAsync(group, version: step);
        if (step >= 4)
        {
            Assert.Equal(ErrorCode.MemberIdRequired, joined.Error);
            joined = await _peer.JoinAsync(group, joined.MemberId, step);
        }

        Assert.Equal((ErrorCode.None, 1, "range"), (joined.Error, joined.Generation, joined.Protocol));
        Assert.Equal([joined.MemberId], joined.Members);
        var synced = await _peer.SyncAsync(group, joined, UpTo(5), (joined.MemberId, [1, 2, 3]));
        Assert.Equal(ErrorCode.None, synced.Error);
        Assert.Equal([1, 2, 3], synced.Assignment);
        Assert.Equal(ErrorCode.None, await _peer.BeatAsync(group, joined, UpTo(4)));
        var commitVersion = Math.Max(step, (short)2);
        Assert.Equal(ErrorCode.None, await _peer.CommitAsync(group, joined.MemberId, 1, "t", 7, commitVersion));
        var fetchVersion = Math.Max(step, (short)1);
        Assert.Equal((ErrorCode.None, 7), await _peer.FetchOffsetAsync(group, "t", fetchVersion));
        Assert.Equal((ErrorCode.None, -1), await _peer.FetchOffsetAsync(group, "none", fetchVersion));
        if (step >= 2) Assert.Equal((ErrorCode.None, 7), await _peer.FetchOffsetAsync(group, null, fetchVersion));
        Assert.Equal((ErrorCode.None, "Stable", "consumer", 1), await _peer.DescribeGroupAsync(group, UpTo(5)));
        Assert.Equal([group], await _peer.ListGroupsAsync(UpTo(5)));
        Assert.Equal((ErrorCode.None, ErrorCode.None), await _peer.DeleteOffsetAsync(group, "t"));
        Assert.Equal(ErrorCode.NonEmptyGroup, await _peer.DeleteGroupAsync(group, UpTo(2)));
        Assert.Equal(ErrorCode.None, await _peer.LeaveAsync(group, joined.MemberId, UpTo(5)));
        Assert.Equal((ErrorCode.None, "Empty", "consumer", 0), await _peer.DescribeGroupAsync(group, UpTo(5)));
        Assert.Equal(ErrorCode.None, await _peer.DeleteGroupAsync(group, UpTo(2)));
        Assert.Equal("Dead", (await _peer.DescribeGroupAsync(group, UpTo(5))).State);
    }

    [Fact]
    public async Task Members_are_told_the_errors_that_Kafka_gives()
    {
        Assert.Equal(ErrorCode.InvalidGroupId, (await _peer.FindCoordinatorAsync("")).Error);
        Assert.Equal(ErrorCode.InvalidRequest, (await _peer.FindCoordinatorAsync("tx", keyType: 1)).Error);
        Assert.Equal(ErrorCode.InvalidGroupId, (await _peer.JoinAsync("")).Error);
        Assert.Equal(ErrorCode.UnknownMemberId, (await _peer.JoinAsync("g", "somebody")).Error);
        Assert.Equal(ErrorCode.InvalidSessionTimeout, (await _peer.JoinAsync("g", sessionMs: 10)).Error);
        var member = await _peer.JoinFullyAsync("g");
        Assert.Equal(ErrorCode.InconsistentGroupProtocol, (await _peer.JoinAsync("g", protocol: "other")).Error);
        Assert.Equal(ErrorCode.RebalanceInProgress, await _peer.CommitAsync("g", member.MemberId, 1, "t", 1));
        Assert.Equal(ErrorCode.IllegalGeneration, (await _peer.SyncAsync("g", member with { Generation = 9 })).Error);
        Assert.Equal(ErrorCode.InconsistentGroupProtocol, (await _peer.SyncAsync("g", member with { Protocol = "x" })).Error);
        await _peer.SyncAsync("g", member, 5, (member.MemberId, []));
        Assert.Equal(ErrorCode.IllegalGeneration, await _peer.BeatAsync("g", member with { Generation = 9 }));
        Assert.Equal(ErrorCode.UnknownMemberId, await _peer.BeatAsync("g", member with { MemberId = "x" }));
        Assert.Equal(ErrorCode.UnknownMemberId, await _peer.CommitAsync("g", "", -1, "t", 1));
        Assert.Equal(ErrorCode.UnknownTopicOrPartition, await _peer.CommitAsync("g", member.MemberId, 1, "none", 1));
        Assert.Equal(ErrorCode.UnknownMemberId, await _peer.LeaveAsync("g", "x"));
        Assert.Equal(ErrorCode.GroupIdNotFound, await _peer.DeleteGroupAsync("nobody"));
        Assert.Equal(ErrorCode.GroupIdNotFound, (await _peer.DeleteOffsetAsync("nobody", "t")).Error);
        Assert.Equal(ErrorCode.GroupIdNotFound, (await _peer.BeatConsumerAsync("g", "m", 0, "t")).Error);
        Assert.Equal(ErrorCode.GroupIdNotFound, (await _peer.DescribeConsumerGroupAsync("g")).Error);
    }

    [Fact]
    public async Task A_join_that_waits_holds_up_nobody_else()
    {
        var first = await _peer.JoinFullyAsync("g");
        await _peer.SyncAsync("g", first, 5, (first.MemberId, [1]));
        using var other = await _silo.ConnectAsync();
        var joining = other.JoinFullyAsync("g");
        ErrorCode told;
        while ((told = await _peer.BeatAsync("g", first)) == ErrorCode.None)
        {
        }

        Assert.Equal(ErrorCode.RebalanceInProgress, told);
        Assert.Equal("PreparingRebalance", (await _peer.DescribeGroupAsync("g")).State);
        Assert.Equal(ErrorCode.None, await _peer.CommitAsync("g", first.MemberId, 1, "t", 3));
        var again = await _peer.JoinAsync("g", first.MemberId);
        var second = await joining;
        Assert.Equal((2, 2, 2), (again.Generation, second.Generation, again.Members.Length));
        var waiting = other.SyncAsync("g", second);
        await _peer.SyncAsync("g", again, 5, (first.MemberId, [1]), (second.MemberId, [2]));
        Assert.Equal([2], (await waiting).Assignment);
    }

    [Fact]
    public async Task A_client_that_goes_away_while_it_waits_takes_nothing_with_it()
    {
        var first = await _peer.JoinFullyAsync("g");
        await _peer.SyncAsync("g", first, 5, (first.MemberId, [1]));
        using (var other = await _silo.ConnectAsync())
        {
            var told = await other.JoinAsync("g");
            await other.SendAsync(ApiKey.JoinGroup, 3, false, request =>
            {
                request.WriteString("g");
                request.WriteInt32(10_000);
                request.WriteInt32(60_000);
                request.WriteString(told.MemberId);
                request.WriteString("consumer");
                request.WriteArrayLength(1);
                request.WriteString("range");
                request.WriteBytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            });
            while (await _peer.BeatAsync("g", first) == ErrorCode.None)
            {
            }
        }

        var again = await _peer.JoinAsync("g", first.MemberId);
        Assert.Equal(2, again.Members.Length); // until its session ends
        Assert.Equal(ErrorCode.None, (await _peer.SyncAsync("g", again, 5, (first.MemberId, [1]))).Error);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_member_of_KIP_848_lives_its_life(short version)
    {
        var topic = (await _peer.MetadataAsync("t")).Id;
        var joined = await _peer.BeatConsumerAsync("c", version == 0 ? "" : "m", 0, "t", version: version);
        Assert.Equal(ErrorCode.None, joined.Error);
        Assert.Equal(topic, Assert.Single(joined.Assignment!).Topic);
        Assert.Equal([0], joined.Assignment![0].Partitions);
        var id = joined.MemberId!;
        var told = await _peer.BeatConsumerAsync("c", id, joined.Epoch, version: version, owned: (topic, [0]));
        Assert.Null(told.Assignment);
        Assert.Equal(ErrorCode.None, await _peer.CommitAsync("c", id, joined.Epoch, "t", 5));
        Assert.Equal(ErrorCode.StaleMemberEpoch, await _peer.CommitAsync("c", id, joined.Epoch + 1, "t", 6));
        Assert.Equal(ErrorCode.IllegalGeneration, await _peer.CommitAsync("c", id, joined.Epoch + 1, "t", 6, version: 8));
        Assert.Equal((ErrorCode.None, 5), await _peer.FetchOffsetAsync("c", "t", member: id, memberEpoch: joined.Epoch));
        Assert.Equal(ErrorCode.StaleMemberEpoch, (await _peer.FetchOffsetAsync("c", "t", member: id, memberEpoch: 99)).Error);
        Assert.Equal(ErrorCode.UnknownMemberId, (await _peer.FetchOffsetAsync("c", "t", member: "x", memberEpoch: 1)).Error);
        Assert.Equal((ErrorCode.None, "Stable", joined.Epoch, 1), await _peer.DescribeConsumerGroupAsync("c", version));
        Assert.Equal("Dead", (await _peer.DescribeGroupAsync("c")).State);
        Assert.Equal(ErrorCode.InconsistentGroupProtocol, (await _peer.JoinAsync("c")).Error);
        Assert.Equal(["c"], await _peer.ListGroupsAsync(kind: "consumer"));
        Assert.Empty(await _peer.ListGroupsAsync(kind: "classic"));
        Assert.Equal(["c"], await _peer.ListGroupsAsync(state: "stable"));
        Assert.Equal(ErrorCode.FencedMemberEpoch, (await _peer.BeatConsumerAsync("c", id, 99, version: version)).Error);
        Assert.Equal(-1, (await _peer.BeatConsumerAsync("c", id, -1, version: version)).Epoch);
        Assert.Equal(ErrorCode.UnknownMemberId, (await _peer.BeatConsumerAsync("c", id, joined.Epoch, version: version)).Error);
    }

    [Fact]
    public async Task A_subscription_by_pattern_is_matched_here()
    {
        var joined = await _peer.BeatConsumerAsync("c", "m", 0, null, "t.*");
        Assert.Single(joined.Assignment!);
        Assert.Equal(ErrorCode.InvalidRegularExpression, (await _peer.BeatConsumerAsync("c", "n", 0, null, "(")).Error);
    }

    [Fact]
    public async Task The_feature_of_KIP_848_is_finalized()
    {
        var response = await _peer.AskAsync(ApiKey.ApiVersions, 4, true, request =>
        {
            request.WriteString("test");
            request.WriteString("1");
            request.WriteTaggedFields();
        });
        Assert.Equal(ErrorCode.None, response.Error());
        for (var apis = response.ArrayLength(); apis > 0; apis--)
        {
            response.Int16();
            response.Int16();
            response.Int16();
            response.Tags();
        }

        response.Int32();
        Assert.Equal(3, response.Int8()); // tagged fields
        response.Int8();
        Assert.Equal(20, response.Int8());
        AssertFeature(response, 1, 1);
        Assert.Equal((1, 8), (response.Int8(), response.Int8()));
        response.Int64();
        response.Int8();
        Assert.Equal(20, response.Int8());
        AssertFeature(response, 1, 1);
        Assert.True(response.IsAtEnd);
    }

    private static void AssertFeature(KafkaResponse response, short first, short second)
    {
        Assert.Equal(1, response.ArrayLength());
        Assert.Equal("group.version", response.Text());
        Assert.Equal((first, second), (response.Int16(), response.Int16()));
        response.Tags();
    }
}
