using Xunit;
using static OrleansLog.Tests.Engine.Groups.ClassicBench;

namespace OrleansLog.Tests.Engine.Groups;

public sealed class ClassicStaticMemberTests
{
    private readonly ClassicBench _group = new();

    [Fact]
    public void The_next_process_of_an_instance_takes_its_place_without_a_rebalance()
    {
        var (leader, follower) = _group.Pair("one", "two");

        var next = _group.Join("", "two").Response!;

        Assert.Equal((ErrorCode.None, 2, leader.MemberId), (next.Error, next.Generation, next.LeaderId));
        Assert.NotEqual(follower.MemberId, next.MemberId);
        Assert.Equal("b", Text(_group.Sync(next.MemberId, 2, "two").Response));
        Assert.Equal(ErrorCode.None, _group.Beat(leader, "one"));
        Assert.Equal(ErrorCode.FencedInstanceId, _group.Beat(follower, "two"));
        Assert.Equal(ErrorCode.FencedInstanceId, _group.Sync(follower.MemberId, 2, "two").Response!.Error);
        Assert.Equal(ErrorCode.FencedInstanceId, _group.Commit(follower.MemberId, 2, 1, "two"));
        Assert.Equal(ErrorCode.FencedInstanceId, _group.Join(follower.MemberId, "two").Response!.Error);
        Assert.Equal(ErrorCode.FencedInstanceId, _group.Leave(follower.MemberId, "two"));
        _group.Bench.Restart(compacted: true);
        Assert.Equal(ErrorCode.None, _group.Beat(next, "two"));
    }

    [Fact]
    public void A_leader_that_is_taken_over_is_not_told_that_it_leads_unless_it_can_leave_the_assignment_alone()
    {
        var (leader, _) = _group.Pair("one", "two");

        var old = _group.Join("", "one").Response!;
        Assert.Equal((leader.MemberId, 0, false), (old.LeaderId, old.Members.Count, old.SkipAssignment));
        var current = _group.Join(JoinOf("", "one") with { CanSkipAssignment = true }).Response!;
        Assert.Equal((current.MemberId, 2, true), (current.LeaderId, current.Members.Count, current.SkipAssignment));
        Assert.Equal("a", Text(_group.Sync(current.MemberId, 2, "one").Response));
    }

    [Fact]
    public void A_static_member_that_is_away_keeps_its_place_through_a_rebalance_until_its_session_ends()
    {
        var (leader, _) = _group.Pair("one", "two");
        var next = _group.Join(leader.MemberId, "one");
        for (var i = 0; i < 9; i++)
        {
            Assert.Null(next.Response);
            _group.Pass(1);
        }

        _group.Pass(1.1); // the session of the one that is away
        Assert.Single(next.Response!.Members);
    }

    [Fact]
    public void Another_protocol_than_the_one_in_use_asks_for_a_rebalance()
    {
        var alone = _group.Join("", "one", "range", "sticky").Response!;
        _group.Sync(alone.MemberId, 1, "one", (alone.MemberId, "all"));

        var next = _group.Join("", "one", "sticky", "range").Response!;

        Assert.Equal((2, "sticky"), (next.Generation, next.Protocol));
    }

    [Fact]
    public void A_take_over_while_the_former_process_waits_fences_that_one()
    {
        var (leader, follower) = _group.Pair("one", "two");
        var waiting = _group.Join(leader.MemberId, "one");
        var taken = _group.Join("", "one");

        Assert.Equal(ErrorCode.FencedInstanceId, waiting.Response!.Error);
        _group.Join(follower.MemberId, "two");
        Assert.Equal(taken.Response!.MemberId, taken.Response.LeaderId);
    }

    [Fact]
    public void An_operator_removes_a_static_member_by_its_instance()
    {
        var (_, follower) = _group.Pair("one", "two");

        Assert.Equal(ErrorCode.UnknownMemberId, _group.Leave("", "three"));
        Assert.Equal(ErrorCode.None, _group.Leave("", "two"));
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Beat(follower, "two"));
    }
}
