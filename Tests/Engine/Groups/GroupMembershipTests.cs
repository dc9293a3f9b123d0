using OrleansLog.Engine.Groups;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Engine.Groups;

public sealed class GroupMembershipTests
{
    private readonly GroupBench _bench = new(null, ("logs", 4), ("metrics", 2));

    private static TopicPartition[] Logs(params int[] partitions) => [.. partitions.Select(p => new TopicPartition("logs", p))];

    private static ErrorCode ErrorOf(Action act) => Assert.Throws<OrleansLogException>(act).Error;

    [Fact]
    public void The_first_member_gets_everything_at_once()
    {
        var joined = _bench.Join("a", "logs");

        Assert.Equal(Logs(0, 1, 2, 3), joined.Assignment);
        Assert.Equal(joined.MemberEpoch, _bench.Coordinator.Describe().Epoch);
        Assert.Equal(GroupState.Stable, _bench.Coordinator.Describe().State);
        Assert.Equal(3000, joined.HeartbeatIntervalMs);
    }

    [Fact]
    public void A_partition_goes_to_its_new_owner_only_after_the_old_one_gave_it_up()
    {
        var a = _bench.Join("a", "logs");
        var b = _bench.Join("b", "logs");
        Assert.Empty(b.Assignment!);

        var told = _bench.Beat("a", a.MemberEpoch, a.Assignment);
        Assert.Equal(2, told.Assignment!.Count);
        Assert.Equal(a.MemberEpoch, told.MemberEpoch);
        Assert.Null(_bench.Beat("b", b.MemberEpoch, []).Assignment);
        _bench.Beat("a", a.MemberEpoch, a.Assignment); // still busy giving up
        Assert.Null(_bench.Beat("b", b.MemberEpoch, []).Assignment);
        Assert.Equal(GroupState.Reconciling, _bench.Coordinator.Describe().State);

        var gaveUp = _bench.Beat("a", a.MemberEpoch, told.Assignment);
        Assert.Equal(b.MemberEpoch, gaveUp.MemberEpoch);
        var got = _bench.Beat("b", b.MemberEpoch, []);
        Assert.Equal(Logs(0, 1, 2, 3), got.Assignment!.Concat(told.Assignment).OrderBy(p => p.Partition));
        Assert.Equal(GroupState.Stable, _bench.Coordinator.Describe().State);
    }

    [Fact]
    public void A_heartbeat_that_changes_nothing_writes_nothing()
    {
        var a = _bench.Join("a", "logs");
        _bench.Beat("a", a.MemberEpoch, a.Assignment);
        var before = _bench.Log.Count;

        var beat = _bench.Beat("a", a.MemberEpoch);

        Assert.Null(beat.Assignment);
        Assert.Equal(before, _bench.Log.Count);
    }

    [Fact]
    public void An_assignment_is_repeated_until_the_member_says_that_it_owns_just_that()
    {
        var a = _bench.Join("a", "logs");

        Assert.Equal(a.Assignment, _bench.Beat("a", a.MemberEpoch, []).Assignment);
        Assert.Equal(a.Assignment, _bench.Beat("a", a.MemberEpoch).Assignment);
        Assert.Null(_bench.Beat("a", a.MemberEpoch, a.Assignment).Assignment);
    }

    [Fact]
    public void A_member_that_leaves_frees_its_partitions_at_once()
    {
        var a = _bench.Join("a", "logs");
        var b = _bench.Join("b", "logs");

        Assert.Equal(-1, _bench.Leave("a").MemberEpoch);

        Assert.Equal(Logs(0, 1, 2, 3), _bench.Beat("b", b.MemberEpoch, []).Assignment);
        Assert.Equal(ErrorCode.UnknownMemberId, ErrorOf(() => _bench.Beat("a", a.MemberEpoch, a.Assignment)));
    }

    [Fact]
    public void A_silent_member_is_fenced_when_its_session_ends_and_not_before()
    {
        _bench.Join("a", "logs");
        var b = _bench.Join("b", "logs");
        _bench.Time.Advance(TimeSpan.FromSeconds(44));
        Assert.Empty(_bench.Tick());
        _bench.Beat("b", b.MemberEpoch, []);
        Assert.Equal(TimeSpan.FromSeconds(1), _bench.Coordinator.UntilNextDeadline);

        _bench.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["a"], _bench.Tick());
        Assert.Equal(Logs(0, 1, 2, 3), _bench.Beat("b", b.MemberEpoch, []).Assignment);
    }

    [Fact]
    public void A_member_that_takes_too_long_to_give_up_is_fenced()
    {
        var a = _bench.Join("a", "logs"); // 60 s
        var b = _bench.Join("b", "logs");
        _bench.Beat("a", a.MemberEpoch, a.Assignment);
        for (var i = 0; i < 2; i++)
        {
            _bench.Time.Advance(TimeSpan.FromSeconds(30));
            _bench.Beat("b", b.MemberEpoch, []);
            if (i == 0) _bench.Beat("a", a.MemberEpoch, a.Assignment);
        }

        Assert.Equal(["a"], _bench.Tick());
        Assert.Equal(4, _bench.Beat("b", b.MemberEpoch, []).Assignment!.Count);
    }

    [Fact]
    public void An_empty_group_has_no_deadline()
    {
        Assert.Null(_bench.Coordinator.UntilNextDeadline);
        _bench.Join("a", "logs");
        Assert.Equal(TimeSpan.FromSeconds(45), _bench.Coordinator.UntilNextDeadline);
        _bench.Leave("a");
        Assert.Null(_bench.Coordinator.UntilNextDeadline);
        Assert.Equal(GroupState.Empty, _bench.Coordinator.Describe().State);
    }

    [Fact]
    public void An_old_or_future_epoch_is_fenced_but_the_previous_one_may_come_back_for_a_lost_answer()
    {
        var a = _bench.Join("a", "logs");
        var b = _bench.Join("b", "logs");
        var told = _bench.Beat("a", a.MemberEpoch, a.Assignment);
        _bench.Beat("a", a.MemberEpoch, told.Assignment); // raises the epoch; the answer is lost

        Assert.Equal(ErrorCode.FencedMemberEpoch, ErrorOf(() => _bench.Beat("a", a.MemberEpoch, a.Assignment)));
        Assert.Equal(b.MemberEpoch, _bench.Beat("a", a.MemberEpoch).MemberEpoch); // owns what it said last
        Assert.Equal(b.MemberEpoch, _bench.Beat("a", a.MemberEpoch, told.Assignment).MemberEpoch);
        Assert.Equal(ErrorCode.FencedMemberEpoch, ErrorOf(() => _bench.Beat("a", b.MemberEpoch + 1, told.Assignment)));
        Assert.Equal(ErrorCode.UnknownMemberId, ErrorOf(() => _bench.Beat("nobody", 1, [])));
        _bench.Restart();
        Assert.Equal(ErrorCode.FencedMemberEpoch, ErrorOf(() => _bench.Beat("a", a.MemberEpoch))); // owns who knows what
    }

    [Fact]
    public void A_member_may_rejoin_under_its_own_id_and_keeps_its_place()
    {
        var a = _bench.Join("a", "logs");

        var again = _bench.Join("a", "logs");

        Assert.Equal(a.MemberEpoch, again.MemberEpoch);
        Assert.Equal(a.Assignment, again.Assignment);
    }

    [Fact]
    public void A_late_copy_of_a_heartbeat_gives_nothing_up()
    {
        GroupHeartbeat Beat(long sequence, int epoch, IReadOnlyList<TopicPartition> owned) =>
            new("a", epoch) { Sequence = sequence, OwnedPartitions = owned };
        var a = _bench.Heartbeat(new GroupHeartbeat("a", 0) { Sequence = 1, SubscribedTopics = ["logs"] });
        var early = Beat(2, a.MemberEpoch, []);
        _bench.Heartbeat(early);
        var b = _bench.Join("b", "logs");
        _bench.Heartbeat(Beat(3, a.MemberEpoch, a.Assignment!));

        _bench.Heartbeat(early);

        Assert.Null(_bench.Beat("b", b.MemberEpoch, []).Assignment);
    }

    [Fact]
    public void A_late_copy_of_a_heartbeat_gives_nothing_up_to_the_next_coordinator_either()
    {
        GroupHeartbeat Beat(long sequence, int epoch, IReadOnlyList<TopicPartition>? owned) =>
            new("a", epoch) { Sequence = sequence, OwnedPartitions = owned };
        var a = _bench.Heartbeat(new GroupHeartbeat("a", 0) { Sequence = 1, SubscribedTopics = ["logs"] });
        _bench.Heartbeat(Beat(3, a.MemberEpoch, a.Assignment));
        var b = _bench.Join("b", "logs");
        var kept = _bench.Heartbeat(Beat(4, a.MemberEpoch, null)).Assignment!;
        _bench.Restart();

        _bench.Heartbeat(Beat(2, a.MemberEpoch, kept));
        Assert.Empty(_bench.Beat("b", b.MemberEpoch, []).Assignment!);

        Assert.Equal(kept, _bench.Heartbeat(Beat(5, a.MemberEpoch, null)).Assignment);
        _bench.Heartbeat(Beat(6, a.MemberEpoch, kept));
        Assert.Equal(2, _bench.Beat("b", b.MemberEpoch, []).Assignment!.Count);
    }

    [Fact]
    public void The_answer_to_a_copy_of_the_last_heartbeat_serves_as_well_as_the_first()
    {
        var a = _bench.Heartbeat(new GroupHeartbeat("a", 0) { Sequence = 1, SubscribedTopics = ["logs"] });
        _bench.Restart();
        var beat = new GroupHeartbeat("a", a.MemberEpoch) { Sequence = 2 };
        var first = _bench.Heartbeat(beat);
        Assert.Equal(a.Assignment, first.Assignment);

        var second = _bench.Heartbeat(beat);

        Assert.Equal(first.MemberEpoch, second.MemberEpoch);
        Assert.Equal(first.Assignment, second.Assignment);
    }

    [Fact]
    public void A_late_copy_of_the_join_gives_nothing_up()
    {
        var a = _bench.Join("a", "logs");
        var b = _bench.Join("b", "logs");
        _bench.Beat("a", a.MemberEpoch, a.Assignment);

        _bench.Join("a", "logs");

        Assert.Null(_bench.Beat("b", b.MemberEpoch, []).Assignment);
    }

    [Fact]
    public void A_group_has_a_greatest_size()
    {
        var bench = new GroupBench(new GroupOptions { MaxSize = 2 }, ("logs", 4));
        bench.Join("a", "logs");
        var b = bench.Join("b", "logs");

        Assert.Equal(ErrorCode.GroupMaxSizeReached, ErrorOf(() => bench.Join("c", "logs")));
        bench.Beat("b", b.MemberEpoch, []);
    }

    [Fact]
    public void New_topics_new_partitions_and_deleted_topics_reach_the_members()
    {
        var a = _bench.Join("a", "logs", "later");
        _bench.Beat("a", a.MemberEpoch, a.Assignment);

        _bench.Create("later", 1);
        var created = _bench.Beat("a", a.MemberEpoch);
        Assert.Contains(new TopicPartition("later", 0), created.Assignment!);

        _bench.Extend("logs", 6);
        var extended = _bench.Beat("a", created.MemberEpoch, created.Assignment);
        Assert.Equal(7, extended.Assignment!.Count);

        _bench.Drop("logs");
        var dropped = _bench.Beat("a", extended.MemberEpoch, extended.Assignment);
        Assert.Equal([new TopicPartition("later", 0)], dropped.Assignment);

        _bench.Create("unrelated", 3);
        Assert.Equal(GroupState.Reconciling, _bench.Coordinator.Describe().State);
        var done = _bench.Beat("a", dropped.MemberEpoch, dropped.Assignment);
        Assert.Equal(done.MemberEpoch, _bench.Coordinator.Describe().Epoch);
    }

    [Fact]
    public void A_topic_made_again_is_taken_away_before_it_is_given_anew()
    {
        var a = _bench.Join("a", "logs");
        _bench.Create("logs", 4);

        var away = _bench.Beat("a", a.MemberEpoch, a.Assignment);
        Assert.Empty(away.Assignment!);
        Assert.Equal(Logs(0, 1, 2, 3), _bench.Beat("a", a.MemberEpoch, []).Assignment);
    }

    [Fact]
    public void A_pattern_takes_in_topics_as_they_come_but_no_internal_ones()
    {
        var bench = new GroupBench(null, ("app.one", 1), ("other", 1));
        var a = bench.Heartbeat(new GroupHeartbeat("a", 0) { SubscribedPattern = "app\\..*|__.*" });
        Assert.Equal([new TopicPartition("app.one", 0)], a.Assignment);

        bench.Create("app.two", 1);
        bench.Create("my.app.three", 1);
        Assert.Equal(2, bench.Beat("a", a.MemberEpoch, a.Assignment).Assignment!.Count);

        bench.Keep(bench.Coordinator.UpdateTopics(new GroupTopics(
            99, [.. bench.Topics, new GroupTopic(Guid.NewGuid(), "__consumer_offsets", 50, IsInternal: true)])));
        Assert.Equal(2, bench.Coordinator.Describe().Members[0].Target.Count);
    }

    [Theory]
    [InlineData("(unclosed", ErrorCode.InvalidRegularExpression)]
    [InlineData("a)|(?:b", ErrorCode.InvalidRegularExpression)]
    [InlineData(@"(a)\1", ErrorCode.InvalidRegularExpression)]
    [InlineData("(?=a)a", ErrorCode.InvalidRegularExpression)]
    [InlineData("((a{1,1000}){1,1000}){1,1000}", ErrorCode.InvalidRegularExpression)]
    public void A_pattern_that_cannot_be_run_within_bounds_is_refused(string pattern, ErrorCode expected) =>
        Assert.Equal(expected, ErrorOf(() => _bench.Heartbeat(new GroupHeartbeat("a", 0) { SubscribedPattern = pattern })));

    [Fact]
    public void Requests_beyond_the_bounds_are_refused_and_change_nothing()
    {
        var join = new GroupHeartbeat("a", 0) { SubscribedTopics = ["logs"] };
        Assert.Equal(ErrorCode.InvalidRequest, ErrorOf(() => _bench.Heartbeat(join with { MemberId = "" })));
        Assert.Equal(ErrorCode.InvalidRequest, ErrorOf(() => _bench.Heartbeat(join with { MemberId = new string('x', 256) })));
        Assert.Equal(ErrorCode.InvalidRequest, ErrorOf(() => _bench.Heartbeat(join with { SubscribedTopics = null })));
        Assert.Equal(ErrorCode.InvalidRequest, ErrorOf(() => _bench.Heartbeat(join with { MemberEpoch = -3 })));
        Assert.Equal(ErrorCode.InvalidRequest, ErrorOf(() => _bench.Heartbeat(join with { MemberEpoch = -2 })));
        Assert.Equal(ErrorCode.InvalidRequest, ErrorOf(() => _bench.Heartbeat(join with { RebalanceTimeoutMs = 0 })));
        Assert.Equal(ErrorCode.InvalidRequest, ErrorOf(() => _bench.Heartbeat(join with { OwnedPartitions = Logs(0) })));
        Assert.Equal(
            ErrorCode.InvalidRequest,
            ErrorOf(() => _bench.Heartbeat(join with { SubscribedTopics = [.. Enumerable.Range(0, 1001).Select(i => $"t{i}")] })));
        Assert.Equal(ErrorCode.UnsupportedAssignor, ErrorOf(() => _bench.Heartbeat(join with { Assignor = "best" })));
        Assert.Equal(ErrorCode.InvalidGroupId, ErrorOf(() => _ = new GroupCoordinator(" ", new GroupOptions(), _bench.Time)));
        Assert.Equal(GroupState.Dead, _bench.Coordinator.Describe().State);
        Assert.Empty(_bench.Log);
    }

    [Fact]
    public void The_group_uses_the_assignor_that_most_members_ask_for()
    {
        GroupHeartbeat Join(string member, string? assignor) =>
            new(member, 0) { SubscribedTopics = ["logs", "metrics"], Assignor = assignor };
        _bench.Heartbeat(Join("a", null));
        Assert.Equal("sticky", _bench.Coordinator.Describe().Assignor);
        _bench.Heartbeat(Join("b", "range"));
        Assert.Equal("range", _bench.Coordinator.Describe().Assignor);
        _bench.Heartbeat(Join("c", "uniform"));
        _bench.Heartbeat(Join("d", "sticky"));
        Assert.Equal("sticky", _bench.Coordinator.Describe().Assignor);
    }
}
