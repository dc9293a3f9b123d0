using OrleansLog.Engine.Groups;
using OrleansLog.Engine.Groups.Log;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Engine.Groups;

public sealed class StaticMemberTests
{
    private readonly GroupBench _bench = new(null, ("logs", 4));

    private static ErrorCode ErrorOf(Action act) => Assert.Throws<OrleansLogException>(act).Error;

    private void GoAway(string member, string instance) =>
        _bench.Heartbeat(new GroupHeartbeat(member, -2) { InstanceId = instance });

    [Fact]
    public void An_instance_that_comes_back_under_a_new_member_id_gets_its_partitions_without_a_rebalance()
    {
        var first = _bench.JoinAs("i", "a1", "logs");
        var epoch = _bench.Coordinator.Describe().Epoch;
        GoAway("a1", "i");

        var second = _bench.JoinAs("i", "a2", "logs");

        Assert.Equal(first.Assignment, second.Assignment);
        Assert.Equal(epoch, _bench.Coordinator.Describe().Epoch);
        Assert.Equal("a2", Assert.Single(_bench.Coordinator.Describe().Members).MemberId);
        Assert.Equal(
            ErrorCode.FencedInstanceId,
            ErrorOf(() => _bench.Heartbeat(new GroupHeartbeat("a1", first.MemberEpoch) { InstanceId = "i" })));
    }

    [Fact]
    public void While_it_is_away_its_partitions_stay_with_it_until_its_session_ends()
    {
        _bench.JoinAs("i", "a1", "logs");
        var b = _bench.Join("b", "logs");
        GoAway("a1", "i");
        Assert.Null(_bench.Beat("b", b.MemberEpoch, []).Assignment);

        _bench.Time.Advance(TimeSpan.FromSeconds(40));
        _bench.Beat("b", b.MemberEpoch, []);
        _bench.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(["a1"], _bench.Tick());
        Assert.Equal(4, _bench.Beat("b", b.MemberEpoch, []).Assignment!.Count);
    }

    [Fact]
    public void An_instance_in_use_cannot_be_taken_over()
    {
        _bench.JoinAs("i", "a1", "logs");

        Assert.Equal(ErrorCode.UnreleasedInstanceId, ErrorOf(() => _bench.JoinAs("i", "a2", "logs")));
    }

    [Fact]
    public void An_instance_that_leaves_for_good_frees_its_name()
    {
        var a = _bench.JoinAs("i", "a1", "logs");
        _bench.Heartbeat(new GroupHeartbeat("a1", -1) { InstanceId = "i" });

        Assert.Equal(4, _bench.JoinAs("i", "a2", "logs").Assignment!.Count);
        Assert.Equal(
            ErrorCode.FencedInstanceId,
            ErrorOf(() => _bench.Heartbeat(new GroupHeartbeat("a1", a.MemberEpoch) { InstanceId = "i" })));
    }

    [Fact]
    public void A_member_that_went_away_is_heard_no_more_under_its_old_epoch()
    {
        var a = _bench.JoinAs("i", "a1", "logs");
        GoAway("a1", "i");

        Assert.Equal(
            ErrorCode.FencedMemberEpoch,
            ErrorOf(() => _bench.Heartbeat(new GroupHeartbeat("a1", a.MemberEpoch) { InstanceId = "i" })));
        Assert.Equal(ErrorCode.StaleMemberEpoch, ErrorOf(() => _bench.Commit("a1", a.MemberEpoch, (new("logs", 0), 1))));
    }

    [Fact]
    public void What_the_away_instance_had_to_give_up_is_free()
    {
        var a = _bench.JoinAs("i", "a1", "logs");
        var b = _bench.Join("b", "logs");
        _bench.Heartbeat(new GroupHeartbeat("a1", a.MemberEpoch) { InstanceId = "i", OwnedPartitions = a.Assignment });
        Assert.Null(_bench.Beat("b", b.MemberEpoch, []).Assignment);

        GoAway("a1", "i");

        Assert.Equal(2, _bench.Beat("b", b.MemberEpoch, []).Assignment!.Count);
        Assert.Equal(2, _bench.JoinAs("i", "a2", "logs").Assignment!.Count);
    }

    [Fact]
    public void A_take_over_of_which_the_log_has_a_part_is_completed_by_the_next_coordinator()
    {
        _bench.JoinAs("i", "a1", "logs");
        GoAway("a1", "i");
        var b = _bench.Join("b", "logs");
        var cut = _bench.Coordinator.Heartbeat(
            new GroupHeartbeat("a2", 0) { InstanceId = "i", SubscribedTopics = ["logs"], RebalanceTimeoutMs = 60_000 });
        var kept = cut.Records.TakeWhile(static record => record is not CurrentAssignmentRecord { MemberId: "a2", Value.Epoch: > 0 });
        _bench.Keep(new GroupResult<GroupHeartbeatResult>(cut.Response, [.. kept]));
        _bench.Restart();

        var a = _bench.JoinAs("i", "a2", "logs");

        Assert.True(a.MemberEpoch > 0, $"It was answered epoch {a.MemberEpoch}.");
        Assert.Equal(2, a.Assignment!.Count);
        Assert.Equal(2, _bench.Beat("b", b.MemberEpoch, []).Assignment!.Count);
    }

    [Fact]
    public void A_coordinator_that_takes_over_knows_who_is_away()
    {
        _bench.JoinAs("i", "a1", "logs");
        GoAway("a1", "i");
        _bench.Restart();

        Assert.Equal(4, _bench.JoinAs("i", "a2", "logs").Assignment!.Count);
    }
}
