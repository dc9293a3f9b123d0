using System.Collections.Concurrent;
using OrleansLog.Engine.Replication;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Replication;

/// <summary>Leader and followers together.</summary>
public sealed class ReplicationTests : IDisposable
{
    private readonly ReplicaSet _set = new();

    public void Dispose() => _set.Dispose();

    [Fact]
    public async Task A_record_is_committed_when_every_in_sync_replica_has_it_and_followers_hear_of_it()
    {
        var leader = await LeadInSync();
        Assert.Equal(0, await ReplicaSet.Append(leader, "a"));
        foreach (var node in _set.Nodes) Assert.Equal(["a"], ReplicaSet.Values(node.Test.Log));
        await _set.Until(() => _set[2].Follower.HighWatermark == 1 && _set[3].Follower.HighWatermark == 1);
    }

    [Fact]
    public async Task A_follower_that_is_sent_records_hears_of_the_high_watermark_with_those_and_otherwise_after_a_while()
    {
        var time = new FakeClock();
        using var set = new ReplicaSet(nodes: 2) { Time = time };
        var leader = set.Lead(1, [1]);
        await set.UntilInSync(1, 2);
        // What the beginning had to be told of.
        time.Advance(TimeSpan.FromMilliseconds(5));
        await set.Until(() => set[2].Follower.HighWatermark == 0);
        for (var i = 0; i < 10; i++)
        {
            await ReplicaSet.Append(leader, $"{i}");
            Assert.Equal(i, set[2].Follower.HighWatermark);
            time.Advance(TimeSpan.FromMilliseconds(0.7));
        }

        lock (set[2].Requests) Assert.DoesNotContain(set[2].Requests, request => request.Records.IsEmpty && request.HighWatermark > 0);
        await set.Until(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(1));
            return set[2].Follower.HighWatermark == 10;
        });
        lock (set[2].Requests) Assert.Single(set[2].Requests, request => request.Records.IsEmpty && request.HighWatermark > 0);
    }

    [Fact]
    public async Task A_follower_that_is_down_leaves_and_below_the_minimum_nothing_is_accepted()
    {
        var leader = await LeadInSync();
        _set[2].IsDown = true;
        var waiting = ReplicaSet.Append(leader, "a");
        leader.NoteNodeDown(2);
        Assert.Equal(0, await waiting);
        Assert.Equal([1, 3], _set.State.Isr.Order());

        leader.NoteNodeDown(3);
        await _set.UntilInSync(1);
        var refused = await Assert.ThrowsAsync<OrleansLogException>(() => ReplicaSet.Append(leader, "b"));
        Assert.Equal(ErrorCode.NotEnoughReplicas, refused.Error);
        Assert.Equal(1, await ReplicaSet.Append(leader, "c", acks: 1));

        _set[2].IsDown = false;
        leader.NoteNodeUp(2);
        leader.NoteNodeUp(3);
        await _set.UntilInSync(1, 2, 3);
        Assert.Equal(["a", "c"], ReplicaSet.Values(_set[2].Test.Log));
    }

    [Fact]
    public async Task Below_the_minimum_whoever_left_holds_all_that_is_committed_and_leads_without_the_last_in_sync()
    {
        var leader = await LeadAlone("a");
        await ReplicaSet.Append(leader, "lost", acks: 1);
        Assert.Equal(1, leader.HighWatermark);
        leader.Close();
        await leader.StopAsync();

        _set[3].IsDown = false;
        var next = LeaderElection.Choose(_set.State, new HashSet<int> { 2, 3 }, new HashSet<int>(), uncleanAllowed: false)!;
        Assert.Equal(3, next.Leader);
        _set.Change(_ => next);
        var heir = _set.Lead(3);
        _set[2].IsDown = false;
        heir.NoteNodeUp(2);
        await _set.UntilInSync(1, 2, 3);
        Assert.Empty(_set.State.Eligible);
        Assert.Equal(1, await ReplicaSet.Append(heir, "b"));
        foreach (var node in _set.Nodes) Assert.Equal(["a", "b"], ReplicaSet.Values(node.Test.Log));
    }

    [Fact]
    public async Task A_new_leader_that_does_not_know_yet_what_was_committed_finds_it_out_alone()
    {
        var leader = await LeadInSync();
        foreach (var value in (string[])["a", "b"]) await ReplicaSet.Append(leader, value);
        leader.Close();
        await leader.StopAsync();
        _set[2].Restart(CrashKind.ForgetAll);
        _set[1].IsDown = _set[3].IsDown = true;
        var next = _set.Lead(2, [2, 3]);
        Assert.Equal(0, next.HighWatermark);
        next.NoteNodeDown(3);
        await _set.Until(() => next.HighWatermark == 2);
        Assert.Equal([2], _set.State.Isr);
        Assert.Empty(_set.State.Eligible);
    }

    [Fact]
    public async Task An_eligible_replica_that_lost_its_disk_is_not_eligible_any_more_before_it_is_filled_again()
    {
        var leader = await LeadAlone("a");
        _set[3].Wipe();
        var stored = new List<PartitionState>();
        _set.Stored = stored.Add;
        _set[3].IsDown = false;
        leader.NoteNodeUp(3);
        await _set.UntilInSync(1, 3);
        Assert.Equal([1], stored[0].Isr);
        Assert.Empty(stored[0].Eligible);
        Assert.Equal(["a"], ReplicaSet.Values(_set[3].Test.Log));
    }

    [Fact]
    public async Task A_follower_whose_disk_failed_is_not_eligible()
    {
        var leader = await LeadInSync();
        await ReplicaSet.Append(leader, "a");
        _set[2].IsDown = true;
        leader.NoteNodeDown(2);
        await _set.UntilInSync(1, 3);
        _set[3].Follower.Close();
        leader.NoteNodeUp(3);
        await _set.UntilInSync(1);
        Assert.Empty(_set.State.Eligible);
    }

    [Fact]
    public async Task A_follower_that_lags_below_the_minimum_is_not_taken_back_before_it_has_caught_up()
    {
        using var set = new ReplicaSet(nodes: 2) { LagTimeMax = TimeSpan.FromMilliseconds(50) };
        var leader = set.Lead(1, [1]);
        await set.UntilInSync(1, 2);
        var stored = new ConcurrentQueue<PartitionState>();
        set.Stored = stored.Enqueue;
        // It answers, and is always behind.
        set[2].Delay = TimeSpan.FromMilliseconds(20);
        var appends = Enumerable.Range(0, 60).Select(i => ReplicaSet.Append(leader, $"{i} {new string('x', 200)}", acks: 1)).ToArray();
        await Task.WhenAll(appends);
        await set.UntilInSync(1);
        Assert.Equal([2], set.State.Eligible);
        await set.UntilInSync(1, 2);
        Assert.Equal(60, set[2].Test.Log.LogEndOffset);
        Assert.Equal(2, stored.Count);
    }

    [Fact]
    public async Task With_a_smaller_minimum_nobody_is_eligible_and_what_waited_is_committed()
    {
        var leader = await LeadAlone("a");
        await ReplicaSet.Append(leader, "b", acks: 1);
        Assert.Equal(1, leader.HighWatermark);
        _set[1].Test.Log.UpdateConfig(_set[1].Test.Log.Config with { MinInsyncReplicas = 1 });
        leader.NoteConfigChanged();
        await _set.Until(() => leader.HighWatermark == 2);
        Assert.Equal([1], _set.State.Isr);
        Assert.Empty(_set.State.Eligible);
    }

    [Fact]
    public async Task Until_it_is_known_that_a_follower_has_left_the_commit_waits()
    {
        var leader = await LeadInSync();
        _set.StoreFailure = () => new IOException("no database");
        _set[2].IsDown = true;
        leader.NoteNodeDown(2);
        var append = ReplicaSet.Append(leader, "a");
        await _set.Until(() => _set[3].Test.Log.LogEndOffset == 1);
        Assert.False(append.IsCompleted);
        Assert.Equal(0, leader.HighWatermark);
        _set.StoreFailure = null;
        Assert.Equal(0, await append);
    }

    [Fact]
    public async Task A_deposed_leader_ends_with_the_first_answer_and_commits_nothing()
    {
        var old = await LeadInSync();
        _set[2].IsDown = _set[3].IsDown = true;
        var lost = ReplicaSet.Append(old, "lost");
        await _set.Until(() => _set[1].Test.Log.LogEndOffset == 1);

        _set[2].IsDown = _set[3].IsDown = false;
        var state = _set.State;
        var leader = _set.Lead(2, [2, 3]);
        Assert.Equal(state.LeaderEpoch + 1, leader.State.LeaderEpoch);
        Assert.Equal(ErrorCode.NotLeaderOrFollower, (await Assert.ThrowsAsync<OrleansLogException>(() => lost)).Error);
        Assert.Equal(LeaderEndReason.Fenced, (await old.Ended.WaitAsync(ReplicaSet.Patience)).Reason);
        Assert.Equal(0, await ReplicaSet.Append(leader, "kept"));
        await _set.UntilInSync(1, 2, 3);
        Assert.Equal(["kept"], ReplicaSet.Values(_set[1].Test.Log));
    }

    [Fact]
    public async Task A_leader_whose_change_of_the_isr_is_refused_ends()
    {
        var leader = await LeadInSync();
        _set.StoreFailure = () => new OrleansLogException(ErrorCode.FencedLeaderEpoch, "another leads");
        leader.NoteNodeDown(2);
        Assert.Equal(LeaderEndReason.Fenced, (await leader.Ended.WaitAsync(ReplicaSet.Patience)).Reason);
        Assert.Equal(
            ErrorCode.NotLeaderOrFollower, (await Assert.ThrowsAsync<OrleansLogException>(() => ReplicaSet.Append(leader, "a", 1))).Error);
    }

    [Fact]
    public async Task A_follower_that_did_not_know_how_much_was_committed_loses_nothing_of_it()
    {
        // KIP-101, first scenario: a follower restarts before it heard of the high watermark, and then the leader is gone.
        var leader = await LeadInSync();
        await ReplicaSet.Append(leader, "a");
        await ReplicaSet.Append(leader, "b");
        leader.Close();
        await leader.StopAsync();
        _set[2].Restart(CrashKind.ForgetAll);
        Assert.Equal(0, _set[2].Follower.HighWatermark);
        var next = _set.Lead(2, [2, 3]);
        await _set.UntilInSync(1, 2, 3);
        Assert.Equal(2, await ReplicaSet.Append(next, "c"));
        foreach (var node in _set.Nodes) Assert.Equal(["a", "b", "c"], ReplicaSet.Values(node.Test.Log));
    }

    [Fact]
    public async Task A_new_leader_does_not_name_the_end_before_it_knows_what_was_committed()
    {
        var leader = await LeadInSync();
        foreach (var value in (string[])["a", "b"]) await ReplicaSet.Append(leader, value);
        leader.Close();
        await leader.StopAsync();
        _set[2].Restart(CrashKind.ForgetAll);
        _set[1].IsDown = _set[3].IsDown = true;
        var next = _set.Lead(2, [2, 3]);
        Assert.Equal(0, next.HighWatermark);
        Assert.Equal(ErrorCode.OffsetNotAvailable, Assert.Throws<OrleansLogException>(() => next.ListOffsets(-1)).Error);
        Assert.Equal(
            ErrorCode.OffsetNotAvailable, (await Assert.ThrowsAsync<OrleansLogException>(() => next.ReadAsync(0, 1000).AsTask())).Error);
        var poll = next.ReadAsync(0, 1000, maxWait: ReplicaSet.Patience).AsTask();
        _set[3].IsDown = false;
        using var read = (await poll).Records;
        Assert.Equal(["a", "b"], TestLog.Records(read.Memory).Select(record => record.Value!));
        Assert.Equal(2, next.ListOffsets(-1)!.Value.Offset);
    }

    [Fact]
    public async Task Logs_of_the_same_length_that_diverged_become_alike()
    {
        // KIP-101, second scenario: both wrote the same offset, in different epochs.
        var first = _set.Lead(1, [1]);
        first.Close();
        await first.StopAsync();
        _set[1].Test.Append(TestLog.Batch([("k", "of one")]), 1);
        _set[2].Follower.Fence(1);
        var second = _set.Lead(2, [2]);
        await _set.UntilInSync(1, 2, 3);
        await ReplicaSet.Append(second, "of two");
        Assert.Equal(["of two"], ReplicaSet.Values(_set[1].Test.Log));
    }

    [Fact]
    public async Task A_replica_that_begins_anew_is_filled_up_in_pieces()
    {
        _set[2].IsDown = _set[3].IsDown = true; // before it leads, lest they are in sync already
        var leader = _set.Lead(1, [1]);
        for (var i = 0; i < 50; i++) await ReplicaSet.Append(leader, $"{i}", acks: 1);
        _set[2].IsDown = false;
        await _set.UntilInSync(1, 2);
        Assert.Equal(ReplicaSet.Values(_set[1].Test.Log), ReplicaSet.Values(_set[2].Test.Log));
        lock (_set[2].Requests) Assert.All(_set[2].Requests, request => Assert.InRange(request.Records.Length, 0, 256));
    }

    [Fact]
    public async Task A_follower_behind_the_leaders_start_goes_on_there()
    {
        _set[2].IsDown = _set[3].IsDown = true; // before it leads, lest they are in sync already
        var leader = _set.Lead(1, [1]);
        for (var i = 0; i < 10; i++) await ReplicaSet.Append(leader, $"{i}", acks: 1);
        await _set.Until(() => leader.HighWatermark == 10);
        leader.DeleteRecords(7);
        _set[2].IsDown = false;
        await _set.UntilInSync(1, 2);
        Assert.Equal(7, _set[2].Test.Log.LogStartOffset);
        Assert.Equal(["7", "8", "9"], ReplicaSet.Values(_set[2].Test.Log));
    }

    [Fact]
    public async Task A_damaged_follower_leaves_is_repaired_and_comes_back()
    {
        var leader = await LeadInSync();
        foreach (var value in (string[])["a", "b", "c"]) await ReplicaSet.Append(leader, value);
        var path = _set[2].Test.Log.Segments[0].LogPath;
        _set[2].Test.Files.FlipBit(path, _set[2].Test.Log.Segments[0].SizeInBytes - 1, 3);
        var version = _set.State.Version;
        Assert.False(_set[2].Follower.Scrub());
        leader.NoteNodeUp(2);
        await _set.Until(() => _set.State.Version >= version + 2);
        await _set.UntilInSync(1, 2, 3);
        Assert.Equal(["a", "b", "c"], ReplicaSet.Values(_set[2].Test.Log));
        Assert.True(_set[2].Follower.MayLead(_set.State));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_leader_that_finds_its_log_damaged_or_deleted_gives_way_and_is_repaired(bool isDeleted)
    {
        var leader = await LeadInSync();
        foreach (var value in (string[])["a", "b", "c"]) await ReplicaSet.Append(leader, value);
        var log = _set[1].Test.Log;
        if (isDeleted) _set[1].Test.Files.DeleteFile(log.Segments[0].LogPath);
        else _set[1].Test.Files.FlipBit(log.Segments[0].LogPath, log.Segments[0].SizeInBytes - 1, 3);
        Assert.False(leader.Scrub());
        Assert.Equal(LeaderEndReason.Damaged, (await leader.Ended.WaitAsync(ReplicaSet.Patience)).Reason);
        Assert.False(_set[1].Follower.MayLead(_set.State));
        _set.Lead(2, [2, 3]);
        await _set.UntilInSync(1, 2, 3);
        Assert.Equal(["a", "b", "c"], ReplicaSet.Values(log));
        Assert.True(_set[1].Follower.MayLead(_set.State));
    }

    [Fact]
    public async Task A_leader_hands_over_to_a_follower_that_has_everything_and_knows_it()
    {
        var leader = await LeadInSync();
        var append = ReplicaSet.Append(leader, "a");
        var successor = await leader.ResignAsync(3, ReplicaSet.Patience);
        Assert.Equal((3, 0L), (successor, await append));
        Assert.Equal(1, _set[3].Follower.HighWatermark);
        Assert.Equal(
            ErrorCode.NotLeaderOrFollower, (await Assert.ThrowsAsync<OrleansLogException>(() => ReplicaSet.Append(leader, "b"))).Error);
        leader.Resume();
        Assert.Equal(1, await ReplicaSet.Append(leader, "b"));
    }

    [Fact]
    public async Task A_hand_over_to_nobody_is_given_up_and_the_leader_goes_on()
    {
        var leader = await LeadInSync();
        _set[2].IsDown = _set[3].IsDown = true;
        leader.NoteNodeDown(2);
        leader.NoteNodeDown(3);
        await _set.UntilInSync(1);
        var refused = await Assert.ThrowsAsync<OrleansLogException>(() => leader.ResignAsync(null, TimeSpan.FromMilliseconds(20)));
        Assert.Equal(ErrorCode.RequestTimedOut, refused.Error);
        Assert.Equal(0, await ReplicaSet.Append(leader, "a", acks: 1));
    }

    [Fact]
    public async Task A_follower_that_is_about_to_stop_leaves_while_it_answers_and_joins_when_it_is_back()
    {
        var leader = await LeadInSync();
        _set[3].IsLeaving = true;
        await ReplicaSet.Append(leader, "a");
        await _set.UntilInSync(1, 2);
        for (var i = 0; i < 20; i++) await ReplicaSet.Append(leader, "b");
        await _set.Until(() => _set[3].Test.Log.LogEndOffset == 21);
        Assert.Equal([1, 2], _set.State.Isr.Order());
        _set[3].IsLeaving = false;
        leader.NoteNodeUp(3);
        await _set.UntilInSync(1, 2, 3);
    }

    [Fact]
    public async Task Followers_that_are_about_to_stop_leave_as_many_in_sync_as_appends_need()
    {
        var leader = await LeadInSync();
        _set[2].IsLeaving = _set[3].IsLeaving = true;
        await ReplicaSet.Append(leader, "a");
        await _set.Until(() => _set.State.Isr.Count == 2);
        for (var i = 0; i < 20; i++) await ReplicaSet.Append(leader, "b");
        Assert.Equal(2, _set.State.Isr.Count);
    }

    [Fact]
    public async Task A_leader_hands_over_to_a_follower_that_stays_or_if_all_go_to_one_of_those()
    {
        using var set = new ReplicaSet(minInsyncReplicas: 3);
        var leader = set.Lead(1, [1]);
        await set.UntilInSync(1, 2, 3);
        set[2].IsLeaving = true;
        await ReplicaSet.Append(leader, "a");
        Assert.Equal(3, set.State.Isr.Count);
        Assert.Equal(3, await leader.ResignAsync(null, ReplicaSet.Patience));
        leader.Resume();
        set[3].IsLeaving = true;
        await ReplicaSet.Append(leader, "b");
        Assert.InRange(await leader.ResignAsync(null, ReplicaSet.Patience), 2, 3);
    }

    /// <summary>Node 1 leads, has committed a record, and lost node 2 and then node 3, which holds all that is committed.</summary>
    private async Task<PartitionLeader> LeadAlone(string committed)
    {
        var leader = await LeadInSync();
        await ReplicaSet.Append(leader, committed);
        _set[2].IsDown = _set[3].IsDown = true;
        leader.NoteNodeDown(2);
        await _set.UntilInSync(1, 3);
        leader.NoteNodeDown(3);
        await _set.UntilInSync(1);
        Assert.Equal([3], _set.State.Eligible);
        return leader;
    }

    private async Task<PartitionLeader> LeadInSync()
    {
        var leader = _set.Lead(1, [1]);
        await _set.UntilInSync(1, 2, 3);
        return leader;
    }
}
