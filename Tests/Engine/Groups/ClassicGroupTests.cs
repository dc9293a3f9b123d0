using OrleansLog.Engine.Groups;
using OrleansLog.Engine.Groups.Classic;
using OrleansLog.Engine.Groups.Log;
using OrleansLog.Records;
using Xunit;
using static OrleansLog.Tests.Engine.Groups.ClassicBench;

namespace OrleansLog.Tests.Engine.Groups;

public sealed class ClassicGroupTests
{
    private readonly ClassicBench _group = new();

    [Fact]
    public void The_first_member_leads_and_gets_what_it_shares_out()
    {
        var joined = _group.Join().Response!;

        Assert.Equal((ErrorCode.None, 1, "range", joined.MemberId), (joined.Error, joined.Generation, joined.Protocol, joined.LeaderId));
        Assert.Equal(joined.MemberId, Assert.Single(joined.Members).MemberId);
        Assert.StartsWith("c-", joined.MemberId, StringComparison.Ordinal);
        Assert.Equal(GroupState.CompletingRebalance, _group.Group.State);
        Assert.Equal("mine", Text(_group.Sync(joined, (joined.MemberId, "mine")).Response));
        Assert.Equal(GroupState.Stable, _group.Group.State);
        Assert.Equal(ErrorCode.None, _group.Beat(joined));
    }

    [Fact]
    public void A_member_with_no_time_for_a_rebalance_still_gets_its_assignment()
    {
        var join = JoinOf("") with { RebalanceTimeoutMs = 0 };
        var joined = _group.Join(join).Response!;
        Assert.Equal(ErrorCode.None, joined.Error);
        _group.Pass(0.5);
        Assert.Equal("mine", Text(_group.Sync(joined, (joined.MemberId, "mine")).Response));
    }

    [Fact]
    public void A_new_member_waits_until_the_others_have_come_back()
    {
        var first = _group.Join().Response!;
        _group.Sync(first, (first.MemberId, "all"));
        var second = _group.Join();
        Assert.Null(second.Response);
        Assert.Equal(ErrorCode.RebalanceInProgress, _group.Beat(first));
        Assert.Equal(ErrorCode.RebalanceInProgress, _group.Sync(first).Response!.Error);

        var again = _group.Join(first.MemberId).Response!;

        Assert.Equal((2, 2, first.MemberId), (again.Generation, second.Response!.Generation, second.Response.LeaderId));
        Assert.Equal(2, again.Members.Count);
        Assert.Empty(second.Response.Members);
        Assert.Equal(ErrorCode.IllegalGeneration, _group.Beat(first));
    }

    [Fact]
    public void A_follower_waits_for_what_the_leader_shares_out()
    {
        var (leader, follower) = _group.Pair();
        var rejoin = _group.Join(leader.MemberId); // the leader wants to share out anew
        var next = _group.Join(follower.MemberId).Response!;
        var waiting = _group.Sync(next);
        Assert.Null(waiting.Response);

        var led = _group.Sync(rejoin.Response!, (leader.MemberId, "x"), ("nobody", "y")).Response!;

        Assert.Equal(("x", ""), (Text(led), Text(waiting.Response)));
        Assert.Equal("x", Text(_group.Sync(rejoin.Response!).Response)); // asked again: told again
    }

    [Fact]
    public void A_dynamic_member_comes_back_with_the_id_it_is_told()
    {
        var told = _group.Join(JoinOf("") with { RequiresKnownMemberId = true }).Response!;
        Assert.Equal((ErrorCode.MemberIdRequired, -1), (told.Error, told.Generation));
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Join("somebody").Response!.Error);
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Beat(told));

        Assert.Equal(told.MemberId, _group.Join(JoinOf(told.MemberId) with { RequiresKnownMemberId = true }).Response!.MemberId);
    }

    [Fact]
    public void One_who_was_told_an_id_and_does_not_come_holds_up_a_rebalance_no_longer_than_its_session()
    {
        var first = _group.Join().Response!;
        _group.Sync(first, (first.MemberId, "all"));
        _group.Join(JoinOf("") with { RequiresKnownMemberId = true });
        var again = _group.Join(first.MemberId);
        Assert.Null(again.Response);

        _group.Pass(10);

        Assert.Equal(2, again.Response!.Generation);
    }

    [Fact]
    public void A_group_that_was_empty_waits_a_little_for_more_members()
    {
        var group = new ClassicBench(new GroupOptions());
        var first = group.Join();
        group.Pass(2.9);
        var second = group.Join();
        group.Pass(2.9);
        Assert.Null(first.Response);
        group.Pass(0.2);

        Assert.Equal((1, 1), (first.Response!.Generation, second.Response!.Generation));
        Assert.Equal(2, first.Response.Members.Count);
    }

    [Fact]
    public void A_member_that_does_not_come_back_in_time_is_left_behind()
    {
        var (leader, follower) = _group.Pair();
        var again = _group.Join(leader.MemberId);
        for (var i = 0; i < 59; i++)
        {
            _group.Pass(1);
            Assert.Equal(ErrorCode.RebalanceInProgress, _group.Beat(follower));
        }

        Assert.Null(again.Response);
        _group.Pass(1);

        Assert.Equal(3, again.Response!.Generation);
        Assert.Single(again.Response.Members);
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Beat(follower));
    }

    [Fact]
    public void A_leader_that_does_not_come_back_is_replaced()
    {
        var (leader, follower) = _group.Pair();
        _group.Join("", null);
        var next = _group.Join(follower.MemberId);
        _group.Pass(60);

        Assert.Equal(follower.MemberId, next.Response!.LeaderId);
        Assert.Equal(2, next.Response.Members.Count);
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Beat(leader));
    }

    [Fact]
    public void A_silent_member_is_removed_when_its_session_ends_and_not_before()
    {
        var (leader, follower) = _group.Pair();
        _group.Pass(9.9);
        Assert.Equal(ErrorCode.None, _group.Beat(leader));
        Assert.Equal(2, _group.Group.Classic!.Members.Count);
        _group.Pass(0.2);

        Assert.Equal(leader.MemberId, Assert.Single(_group.Group.Classic!.Members).MemberId);
        Assert.Equal(ErrorCode.RebalanceInProgress, _group.Beat(leader));
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Beat(follower));
    }

    [Fact]
    public void A_member_that_never_fetches_its_share_is_removed()
    {
        var (leader, follower) = _group.Pair();
        var again = _group.Join(leader.MemberId);
        var late = _group.Join(follower.MemberId).Response!;
        _group.Sync(again.Response!, (leader.MemberId, "x"));
        for (var i = 0; i < 59; i++)
        {
            _group.Pass(1);
            Assert.Equal((ErrorCode.None, ErrorCode.None), (_group.Beat(again.Response!), _group.Beat(late)));
        }

        _group.Pass(1);

        Assert.Equal(ErrorCode.UnknownMemberId, _group.Beat(late));
        Assert.Equal(ErrorCode.RebalanceInProgress, _group.Beat(again.Response!));
    }

    [Fact]
    public void Leaving_makes_the_others_share_out_anew_and_the_last_one_leaves_an_empty_group()
    {
        var (leader, follower) = _group.Pair();
        Assert.Equal(ErrorCode.None, _group.Leave(leader.MemberId));
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Leave(leader.MemberId));
        Assert.Equal(ErrorCode.RebalanceInProgress, _group.Beat(follower));
        Assert.Equal(follower.MemberId, _group.Join(follower.MemberId).Response!.LeaderId);

        _group.Leave(follower.MemberId);

        Assert.Equal(GroupState.Empty, _group.Group.State);
        Assert.Equal(4, _group.Group.Epoch);
        Assert.Null(_group.Coordinator.UntilNextDeadline);
        Assert.Equal(5, _group.Join().Response!.Generation);
    }

    [Fact]
    public void Members_without_a_common_protocol_or_of_another_type_are_refused()
    {
        _group.Join("", null, "range", "sticky");

        Assert.Equal(ErrorCode.InconsistentGroupProtocol, _group.Join("", null, "roundrobin").Response!.Error);
        Assert.Equal(
            ErrorCode.InconsistentGroupProtocol, _group.Join(JoinOf("") with { ProtocolType = "connect" }).Response!.Error);
        Assert.Equal(
            ErrorCode.InconsistentGroupProtocol, _group.Join(JoinOf("") with { Protocols = [] }).Response!.Error);
        Assert.Null(_group.Join("", null, "roundrobin", "sticky").Response);
    }

    [Fact]
    public void The_protocol_is_the_one_that_most_like_best_of_those_all_have()
    {
        var alone = _group.Join("", null, "a", "b").Response!;
        Assert.Equal("a", alone.Protocol);
        var second = _group.Join("", null, "c", "b", "a");
        _group.Join("", null, "b", "a");
        _group.Join(alone.MemberId, null, "a", "b");

        Assert.Equal("b", second.Response!.Protocol);
    }

    [Theory]
    [InlineData(5_999)]
    [InlineData(1_800_001)]
    public void A_session_outside_of_its_bounds_is_refused(int sessionMs) => Assert.Equal(
        ErrorCode.InvalidSessionTimeout, _group.Join(JoinOf("") with { SessionTimeoutMs = sessionMs }).Response!.Error);

    [Fact]
    public void A_full_group_takes_no_more()
    {
        var group = new ClassicBench(new GroupOptions { InitialRebalanceDelay = TimeSpan.Zero, MaxSize = 1 });
        var only = group.Join().Response!;
        group.Sync(only, (only.MemberId, "all"));

        Assert.Equal(ErrorCode.GroupMaxSizeReached, group.Join().Response!.Error);
        Assert.Equal(ErrorCode.None, group.Beat(only));
    }

    [Fact]
    public void Members_that_would_not_fit_into_a_record_are_refused()
    {
        var group = new ClassicBench(new GroupOptions { InitialRebalanceDelay = TimeSpan.Zero, MaxClassicGroupBytes = 1024 });
        var only = group.Join().Response!;
        Assert.Equal(ErrorCode.GroupMaxSizeReached, group.Join(JoinOf("") with { Protocols = [new("range", new byte[1000])] }).Response!.Error);
        Assert.Equal(ErrorCode.UnknownServerError, group.Sync(only, (only.MemberId, new string('x', 1000))).Response!.Error);
        Assert.Equal(ErrorCode.RebalanceInProgress, group.Beat(only));
    }

    [Fact]
    public void Commits_need_the_current_generation_and_a_finished_rebalance()
    {
        Assert.Equal(ErrorCode.None, _group.Commit("", -1, 1));
        var (leader, follower) = _group.Pair();
        Assert.Equal(ErrorCode.None, _group.Commit(follower.MemberId, 2, 5));
        Assert.Equal(ErrorCode.IllegalGeneration, _group.Commit(follower.MemberId, 1, 6));
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Commit("", -1, 6));
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Commit("x", 2, 6));
        _group.Join(leader.MemberId);
        Assert.Equal(ErrorCode.None, _group.Commit(follower.MemberId, 2, 7)); // what it still owns it may finish
        _group.Join(follower.MemberId);
        Assert.Equal(ErrorCode.IllegalGeneration, _group.Commit(follower.MemberId, 2, 8));
        Assert.Equal(ErrorCode.RebalanceInProgress, _group.Commit(follower.MemberId, 3, 8));
        Assert.Equal(7, _group.Bench.Offset(new TopicPartition("logs", 0)));
    }

    [Fact]
    public void Members_outlive_their_coordinator()
    {
        var (leader, follower) = _group.Pair();
        _group.Bench.Restart(compacted: true);

        Assert.Equal((GroupState.Stable, 2), (_group.Group.State, _group.Group.Epoch));
        Assert.Equal((ErrorCode.None, ErrorCode.None), (_group.Beat(leader), _group.Beat(follower)));
        Assert.Equal("b", Text(_group.Sync(follower).Response));
        Assert.Equal(ErrorCode.None, _group.Commit(follower.MemberId, 2, 5));
        Assert.Equal(ErrorCode.IllegalGeneration, _group.Commit(follower.MemberId, 1, 5));
        _group.Pass(10.1);
        Assert.Equal(GroupState.Empty, _group.Group.State);
    }

    [Fact]
    public void A_generation_whose_coordinator_was_lost_before_it_was_shared_out_is_not_given_twice()
    {
        var (leader, follower) = _group.Pair();
        var again = _group.Join(leader.MemberId);
        _group.Join(follower.MemberId);
        Assert.Equal(3, again.Response!.Generation);
        _group.Bench.Restart();

        Assert.Equal(ErrorCode.RebalanceInProgress, _group.Sync(again.Response, (leader.MemberId, "x")).Response!.Error);
        Assert.Equal(ErrorCode.RebalanceInProgress, _group.Beat(again.Response));
        var next = _group.Join(leader.MemberId);
        _group.Join(follower.MemberId);
        Assert.Equal(4, next.Response!.Generation);
    }

    [Fact]
    public void A_group_with_members_is_of_one_protocol_and_an_empty_one_takes_any()
    {
        var a = _group.Bench.Join("a", "logs");
        Assert.Equal(ErrorCode.InconsistentGroupProtocol, _group.Join().Response!.Error);
        _group.Bench.Leave("a");
        _group.Commit("", -1, 9);

        var classic = _group.Join().Response!;
        Assert.Equal(1, classic.Generation);
        Assert.Equal(ErrorCode.GroupIdNotFound, Assert.Throws<OrleansLogException>(() => _group.Bench.Join("b", "logs")).Error);
        _group.Bench.Restart(compacted: true);
        Assert.NotNull(_group.Group.Classic);
        _group.Leave(classic.MemberId);
        Assert.Equal(4, _group.Bench.Join("b", "logs").Assignment!.Count);
        _group.Bench.Restart(compacted: true);
        Assert.Null(_group.Group.Classic);
        Assert.Equal("b", Assert.Single(_group.Group.Members).MemberId);
        Assert.Equal(9, _group.Bench.Offset(new TopicPartition("logs", 0)));
        Assert.Equal(0, a.MemberEpoch - 1);
    }

    [Fact]
    public void Offsets_of_what_a_classic_member_subscribes_to_stay_and_others_may_be_deleted()
    {
        var (leader, _) = _group.Pair();
        _group.Commit(leader.MemberId, 2, 5);

        Assert.Equal(ErrorCode.GroupSubscribedToTopic, Assert.Throws<OrleansLogException>(
            () => _group.Coordinator.DeleteOffsets([new TopicPartition("logs", 0)])).Error);
        Assert.Equal(ErrorCode.NonEmptyGroup, Assert.Throws<OrleansLogException>(_group.Coordinator.Delete).Error);
        _group.Bench.Keep(_group.Coordinator.DeleteOffsets([new TopicPartition("metrics", 0)]));
    }

    [Fact]
    public void An_empty_classic_group_can_be_deleted_and_expires()
    {
        var member = _group.Join().Response!;
        _group.Leave(member.MemberId);
        Assert.True(_group.Coordinator.Exists);
        _group.Bench.Time.Advance(TimeSpan.FromDays(7));
        Assert.True(_group.Bench.Keep(_group.Coordinator.ExpireOffsets()));
        Assert.False(_group.Coordinator.Exists);
        Assert.Equal(new ClassicGroupRecord(GroupBench.GroupId, null), _group.Bench.Log[^1].Record);

        member = _group.Join().Response!;
        Assert.Equal(1, member.Generation);
        _group.Leave(member.MemberId);
        _group.Bench.Keep(_group.Coordinator.Delete());
        _group.Bench.Restart();
        Assert.False(_group.Coordinator.Exists);
    }

    [Fact]
    public void What_consumers_own_is_told_by_name()
    {
        var member = _group.Join().Response!;
        byte[] assignment = [0, 1, 0, 0, 0, 1, 0, 4, .. "logs"u8, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 255, 255, 255, 255];
        _group.Bench.Keep(_group.Coordinator.Sync(new ClassicSync(
            member.MemberId, null, 1, [KeyValuePair.Create(member.MemberId, assignment)])));

        var described = Assert.Single(_group.Group.Members);
        Assert.Equal(("logs", 1), (Assert.Single(described.Metadata.SubscribedTopics), described.Epoch));
        Assert.Equal([new TopicPartition("logs", 0), new TopicPartition("logs", 3)], described.Assignment);
        for (var length = 0; length < assignment.Length; length++) ConsumerProtocol.ReadAssignment(assignment.AsSpan(0, length));
    }

    [Fact]
    public void Whoever_waits_is_told_when_the_coordinator_is_given_up()
    {
        var (leader, _) = _group.Pair();
        var waiting = _group.Join(leader.MemberId);
        _group.Coordinator.Abandon(ErrorCode.NotCoordinator);
        Assert.Equal(ErrorCode.NotCoordinator, waiting.Response!.Error);
    }
}
