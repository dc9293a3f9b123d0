using OrleansLog.Engine.Groups;
using OrleansLog.Engine.Groups.Log;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Engine.Groups;

public sealed class GroupOffsetTests
{
    private static readonly TopicPartition Logs0 = new("logs", 0), Logs1 = new("logs", 1);

    private readonly GroupBench _bench = new(null, ("logs", 4), ("metrics", 2));

    private static ErrorCode ErrorOf(Action act) => Assert.Throws<OrleansLogException>(act).Error;

    [Fact]
    public void A_member_commits_with_its_epoch()
    {
        var a = _bench.Join("a", "logs");

        Assert.Equal([ErrorCode.None], _bench.Commit("a", a.MemberEpoch, (Logs0, 7)));
        Assert.Equal(7, _bench.Offset(Logs0));
        Assert.Null(_bench.Offset(Logs1));
        Assert.Equal(ErrorCode.UnknownMemberId, ErrorOf(() => _bench.Commit("b", 1, (Logs0, 8))));
        Assert.Equal(ErrorCode.StaleMemberEpoch, ErrorOf(() => _bench.Commit("a", a.MemberEpoch + 1, (Logs0, 8))));
        Assert.Equal(7, _bench.Offset(Logs0));
    }

    [Fact]
    public void A_fenced_member_cannot_commit()
    {
        var a = _bench.Join("a", "logs");
        _bench.Time.Advance(TimeSpan.FromSeconds(45));
        _bench.Tick();

        Assert.Equal(ErrorCode.UnknownMemberId, ErrorOf(() => _bench.Commit("a", a.MemberEpoch, (Logs0, 7))));
    }

    [Fact]
    public void After_its_epoch_rose_a_member_may_finish_what_it_still_owns_and_nothing_else()
    {
        var a = _bench.Join("a", "logs");
        var b = _bench.Join("b", "logs");
        var kept = _bench.Beat("a", a.MemberEpoch, a.Assignment).Assignment!;
        var lost = a.Assignment!.Except(kept).First();
        var risen = _bench.Beat("a", a.MemberEpoch, kept);
        _bench.Beat("b", b.MemberEpoch, []);

        Assert.Equal([ErrorCode.None], _bench.Commit("a", a.MemberEpoch, (kept[0], 5)));
        Assert.Equal(ErrorCode.StaleMemberEpoch, ErrorOf(() => _bench.Commit("a", a.MemberEpoch, (lost, 5))));
        Assert.Equal([ErrorCode.IllegalGeneration], _bench.Commit("a", risen.MemberEpoch, (lost, 5)));
        Assert.Null(_bench.Offset(lost));
    }

    [Fact]
    public void Once_a_member_came_with_its_new_epoch_it_commits_with_no_other()
    {
        var a = _bench.Join("a", "logs");
        _bench.Join("b", "logs");
        var kept = _bench.Beat("a", a.MemberEpoch, a.Assignment).Assignment!;
        var risen = _bench.Beat("a", a.MemberEpoch, kept);
        _bench.Beat("a", risen.MemberEpoch, kept);

        Assert.Equal(ErrorCode.StaleMemberEpoch, ErrorOf(() => _bench.Commit("a", a.MemberEpoch, (kept[0], 5))));
        Assert.Equal([ErrorCode.None], _bench.Commit("a", risen.MemberEpoch, (kept[0], 5)));
    }

    [Fact]
    public void What_a_member_gave_up_and_was_given_again_it_commits_with_its_new_epoch_only()
    {
        var a = _bench.Join("a", "logs");
        _bench.Join("b", "logs");
        var kept = _bench.Beat("a", a.MemberEpoch, a.Assignment).Assignment!;
        _bench.Leave("b");
        var again = _bench.Beat("a", a.MemberEpoch, kept);
        Assert.Equal(a.Assignment, again.Assignment);
        var returned = a.Assignment!.Except(kept).First();

        Assert.Equal(ErrorCode.StaleMemberEpoch, ErrorOf(() => _bench.Commit("a", a.MemberEpoch, (returned, 5))));
        Assert.Equal([ErrorCode.None], _bench.Commit("a", a.MemberEpoch, (kept[0], 5)));
        Assert.Equal([ErrorCode.None], _bench.Commit("a", again.MemberEpoch, (returned, 5)));
    }

    [Fact]
    public void From_outside_only_an_empty_group_takes_offsets()
    {
        Assert.Equal([ErrorCode.None], _bench.Commit("", -1, (Logs0, 3)));
        Assert.Equal(GroupState.Empty, _bench.Coordinator.Describe().State);
        _bench.Join("a", "metrics");
        Assert.Equal(ErrorCode.UnknownMemberId, ErrorOf(() => _bench.Commit("", -1, (Logs0, 4))));
        _bench.Leave("a");
        Assert.Equal([ErrorCode.None], _bench.Commit("", -1, (Logs0, 2)));
        Assert.Equal(2, _bench.Offset(Logs0));
    }

    [Fact]
    public void Each_partition_of_a_commit_has_its_own_fate()
    {
        var results = _bench.Keep(_bench.Coordinator.CommitOffsets(new GroupOffsetCommit("", -1, null,
        [
            new(Logs0, new GroupOffset(1, 3, new string('ä', 2048), -1)),
            new(Logs1, new GroupOffset(1, -1, new string('ä', 2048) + "b", -1)),
            new(new TopicPartition("logs", 4), new GroupOffset(1, -1, "", -1)),
            new(new TopicPartition("nothing", 0), new GroupOffset(1, -1, "", -1)),
            new(new TopicPartition("metrics", 0), new GroupOffset(-5, -1, "", -1)),
        ])));

        Assert.Equal(
            [ErrorCode.None, ErrorCode.OffsetMetadataTooLarge, ErrorCode.UnknownTopicOrPartition,
                ErrorCode.UnknownTopicOrPartition, ErrorCode.InvalidRequest],
            results);
        var (partition, offset) = Assert.Single(_bench.Coordinator.FetchOffsets(null));
        Assert.Equal(Logs0, partition);
        Assert.Equal(3, offset.LeaderEpoch);
        Assert.Equal(_bench.Time.GetUtcNow().ToUnixTimeMilliseconds(), offset.CommitTimestampMs);
    }

    [Fact]
    public void From_outside_a_commit_may_name_who_it_is_from()
    {
        Assert.Equal([ErrorCode.None], _bench.Commit("made-up", -1, (Logs0, 3)));
        Assert.Equal(ErrorCode.UnknownMemberId, ErrorOf(() => _bench.Commit("made-up", 0, (Logs0, 4))));
        _bench.Join("a", "metrics");
        Assert.Equal(ErrorCode.UnknownMemberId, ErrorOf(() => _bench.Commit("made-up", -1, (Logs0, 4))));
        Assert.Equal(3, _bench.Offset(Logs0));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(-2)]
    public void A_group_is_reset_by_the_offset_of_the_end_or_the_start(long offset)
    {
        Assert.Equal([ErrorCode.None], _bench.Commit("", -1, (Logs0, 13)));
        Assert.Equal([ErrorCode.None], _bench.Commit("", -1, (Logs0, offset)));
        Assert.Equal(offset, _bench.Offset(Logs0));
    }

    [Fact]
    public void The_number_of_offsets_has_a_bound()
    {
        var bench = new GroupBench(new GroupOptions { MaxOffsets = 1 }, ("logs", 4));

        Assert.Equal([ErrorCode.None, ErrorCode.InvalidCommitOffsetSize], bench.Commit("", -1, (Logs0, 1), (Logs1, 1)));
        Assert.Equal([ErrorCode.None], bench.Commit("", -1, (Logs0, 2)));
    }

    [Fact]
    public void Offsets_of_a_subscribed_topic_cannot_be_deleted()
    {
        var a = _bench.Join("a", "logs");
        _bench.Commit("a", a.MemberEpoch, (Logs0, 7), (new("metrics", 1), 9));

        Assert.Equal(ErrorCode.GroupSubscribedToTopic, ErrorOf(() => _bench.Keep(_bench.Coordinator.DeleteOffsets([Logs0]))));
        _bench.Keep(_bench.Coordinator.DeleteOffsets([new("metrics", 1), new("metrics", 0)]));
        Assert.Single(_bench.Coordinator.FetchOffsets(null));
    }

    [Fact]
    public void Deleting_a_group_leaves_nothing_of_it()
    {
        Assert.Equal(ErrorCode.GroupIdNotFound, ErrorOf(() => _bench.Coordinator.Delete()));
        var a = _bench.Join("a", "logs");
        _bench.Commit("a", a.MemberEpoch, (Logs0, 7));
        Assert.Equal(ErrorCode.NonEmptyGroup, ErrorOf(() => _bench.Coordinator.Delete()));
        _bench.Leave("a");

        _bench.Keep(_bench.Coordinator.Delete());

        Assert.False(_bench.Coordinator.Exists);
        _bench.Restart(compacted: true);
        Assert.False(_bench.Coordinator.Exists);
        Assert.Equal(GroupState.Dead, _bench.Coordinator.Describe().State);
    }

    [Fact]
    public void Offsets_expire_seven_days_after_the_group_became_empty()
    {
        var a = _bench.Join("a", "logs");
        _bench.Commit("a", a.MemberEpoch, (Logs0, 7), (new("metrics", 0), 1));
        _bench.Time.Advance(TimeSpan.FromDays(7));
        Assert.False(_bench.Keep(_bench.Coordinator.ExpireOffsets()));
        Assert.Equal(Logs0, Assert.Single(_bench.Coordinator.FetchOffsets(null)).Key); // no member wants metrics
        _bench.Leave("a");

        _bench.Time.Advance(TimeSpan.FromDays(7) - TimeSpan.FromSeconds(1));
        _bench.Restart(compacted: true);
        Assert.False(_bench.Keep(_bench.Coordinator.ExpireOffsets()));
        Assert.Equal(7, _bench.Offset(Logs0));
        _bench.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(_bench.Keep(_bench.Coordinator.ExpireOffsets()));
        Assert.False(_bench.Coordinator.Exists);
    }

    [Fact]
    public void The_offset_of_a_topic_that_was_made_again_is_dropped_but_not_that_of_one_out_of_sight()
    {
        _bench.Commit("", -1, (Logs0, 7), (new("metrics", 0), 1));
        _bench.Drop("metrics");
        _bench.Create("logs", 4);

        Assert.Null(_bench.Offset(Logs0));
        Assert.Equal(1, _bench.Offset(new("metrics", 0)));
        _bench.Restart();
        Assert.Null(_bench.Offset(Logs0));
    }

    [Fact]
    public void A_restart_finds_every_offset_again()
    {
        var a = _bench.Join("a", "logs");
        for (var i = 1; i <= 10; i++) _bench.Commit("a", a.MemberEpoch, (Logs0, i), (Logs1, 2 * i));

        _bench.Restart(compacted: true);

        Assert.Equal(10, _bench.Offset(Logs0));
        Assert.Equal(20, _bench.Offset(Logs1));
        Assert.Equal([ErrorCode.None], _bench.Commit("a", a.MemberEpoch, (Logs0, 11)));
        Assert.All(_bench.Log, entry => Assert.Equal(GroupBench.GroupId, entry.Record.GroupId));
        Assert.IsType<OffsetRecord>(_bench.Log[^1].Record);
    }
}
