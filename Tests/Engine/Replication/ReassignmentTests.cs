using System.Diagnostics;
using OrleansLog.Engine.Replication;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Replication;

/// <summary>Replicas are moved while the partition is in use.</summary>
public sealed class ReassignmentTests : IDisposable
{
    private readonly ReplicaSet _set = new(4) { Replicas = [1, 2, 3] };

    public void Dispose() => _set.Dispose();

    [Fact]
    public async Task A_replica_is_added_and_another_goes_while_records_are_appended()
    {
        var leader = await LeadInSync();
        var appended = new List<string>();
        using var stop = new CancellationTokenSource();
        var appends = Task.Run(async () =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                Assert.Equal(i, await ReplicaSet.Append(leader, $"{i}"));
                appended.Add($"{i}");
            }
        });
        await leader.ReassignAsync([1, 2, 4]);
        await UntilReplicas(1, 2, 4);
        await stop.CancelAsync();
        await appends;
        Assert.Equal([1, 2, 4], _set.State.Isr.Order());
        Assert.Equal(appended, ReplicaSet.Values(_set[4].Test.Log));

        // Nobody sends the one that went anything more.
        var end = _set[3].Test.Log.LogEndOffset;
        await ReplicaSet.Append(leader, "after");
        Assert.Equal(end, _set[3].Test.Log.LogEndOffset);
    }

    [Fact]
    public async Task The_only_replica_is_moved_and_then_led_elsewhere()
    {
        using var set = new ReplicaSet(2, minInsyncReplicas: 1) { Replicas = [1] };
        var leader = set.Lead(1);
        for (var i = 0; i < 20; i++) await ReplicaSet.Append(leader, $"{i}");
        await leader.ReassignAsync([2]);
        await set.UntilInSync(1, 2);
        Assert.Equal([2, 1], set.State.Replicas);
        await set.Until(() => leader.FindHeir() == 2);

        Assert.Equal(2, await leader.ResignAsync(2, ReplicaSet.Patience));
        leader.Close();
        var next = set.Lead(2);
        await set.Until(() => !set.State.IsReassigning);
        Assert.Equal([2], set.State.Replicas);
        Assert.Equal([2], set.State.Isr);
        Assert.Equal(20, await ReplicaSet.Append(next, "20"));
        Assert.Equal(21, ReplicaSet.Values(set[2].Test.Log).Length);
    }

    [Fact]
    public async Task A_lone_leader_that_crashes_with_a_second_replica_only_named_still_leads()
    {
        using var set = new ReplicaSet(2, minInsyncReplicas: 1) { Replicas = [1] };
        var leader = set.Lead(1);
        await ReplicaSet.Append(leader, "a");
        set[2].IsDown = true;
        await leader.ReassignAsync([1, 2]);
        leader.Close();
        set[1].Restart(CrashKind.ForgetAll);
        Assert.Equal(ReplicaFitness.Fit, set[1].Follower.FitnessFor(set.State));

        set[2].IsDown = false;
        var next = set.Lead(1);
        await set.UntilInSync(1, 2);
        await set.Until(() => !set.State.IsReassigning);
        Assert.Equal(1, await ReplicaSet.Append(next, "b"));
        Assert.Equal(["a", "b"], ReplicaSet.Values(set[2].Test.Log));
    }

    [Fact]
    public async Task A_leader_that_dies_with_the_new_one_still_behind_is_followed_by_one_that_goes_on()
    {
        var leader = await LeadInSync();
        await ReplicaSet.Append(leader, "a");
        _set[4].IsDown = true;
        await leader.ReassignAsync([4, 2, 3]);
        leader.Close();

        _set[4].IsDown = false;
        var next = _set.Lead(2, [2, 3]);
        await UntilReplicas(4, 2, 3);
        Assert.Equal([2, 3, 4], _set.State.Isr.Order());
        Assert.Equal(1, await ReplicaSet.Append(next, "b"));
        Assert.Equal(["a", "b"], ReplicaSet.Values(_set[4].Test.Log));
    }

    [Fact]
    public async Task A_leader_that_dies_before_the_last_step_leaves_it_to_the_next()
    {
        var leader = await LeadInSync();
        await leader.ReassignAsync([4, 2, 3]);
        // It waits only for this leader to go, which dies instead.
        await _set.Until(() => leader.FindHeir() == 4);
        leader.Close();
        _set.Lead(2, [2, 3, 4]);
        await UntilReplicas(4, 2, 3);
    }

    [Fact]
    public async Task It_waits_for_as_many_in_sync_as_the_topic_demands()
    {
        var leader = await LeadInSync();
        _set[2].IsDown = true;
        leader.NoteNodeDown(2);
        await _set.UntilInSync(1, 3);
        await leader.ReassignAsync([1, 2]);
        await ReplicaSet.Append(leader, "a");
        Assert.True(_set.State.IsReassigning);
        Assert.Equal([1, 3], _set.State.Isr.Order());
        _set[2].IsDown = false;
        leader.NoteNodeUp(2);
        await UntilReplicas(1, 2);
        Assert.Equal([1, 2], _set.State.Isr.Order());
    }

    [Fact]
    public async Task A_move_keeps_to_its_limit_and_what_is_appended_meanwhile_goes_on_top()
    {
        using var set = new ReplicaSet(2, minInsyncReplicas: 1) { Replicas = [1], MoveBytesPerSecond = 50_000 };
        var leader = set.Lead(1);
        for (var i = 0; i < 40; i++) await ReplicaSet.Append(leader, new string('x', 1000));
        var before = leader.Log.SizeInBytes;
        var started = Stopwatch.GetTimestamp();
        await leader.ReassignAsync([1, 2]);
        // What is appended before the first push is a part of what is moved.
        while (set[2].Test.Log.LogEndOffset == 0) await Task.Delay(1);
        // Ten times the limit.
        for (var i = 0; i < 100; i++) await ReplicaSet.Append(leader, new string('y', 4_000));
        await set.UntilInSync(1, 2);
        var took = Stopwatch.GetElapsedTime(started);
        // Less the burst at the beginning, and the last request, which is not waited for.
        Assert.InRange(took.TotalSeconds, (before / 50_000.0) - 0.35, 8);
        Assert.Equal(140, ReplicaSet.Values(set[2].Test.Log).Length);
    }

    [Fact]
    public async Task Given_up_the_replicas_are_what_they_were()
    {
        var leader = await LeadInSync();
        _set[4].IsDown = true;
        await leader.ReassignAsync([4, 1]);
        Assert.Equal([4, 1, 2, 3], leader.State.Replicas);
        await leader.ReassignAsync(null);
        await UntilReplicas(1, 2, 3);
        Assert.Equal([1, 2, 3], _set.State.Isr.Order());
        var refused = await Assert.ThrowsAsync<OrleansLogException>(() => leader.ReassignAsync(null));
        Assert.Equal(ErrorCode.NoReassignmentInProgress, refused.Error);
    }

    [Fact]
    public async Task A_store_that_is_away_refuses_it_and_what_it_stored_unseen_is_found_out()
    {
        var leader = await LeadInSync();
        _set.StoreFailure = () => new IOException("no database");
        await Assert.ThrowsAsync<IOException>(() => leader.ReassignAsync([1, 2, 4]));
        Assert.False(leader.State.IsReassigning);

        // Carried out, and the answer lost.
        _set.Change(state => Reassignment.Begin(state, [1, 2, 4]));
        _set.StoreFailure = null;
        await UntilReplicas(1, 2, 4);
        await ReplicaSet.Append(leader, "a");
        Assert.Equal(["a"], ReplicaSet.Values(_set[4].Test.Log));
    }

    [Fact]
    public async Task Who_watches_hears_of_every_change()
    {
        var leader = await LeadInSync();
        var version = leader.State.Version;
        var change = leader.NextChange(version);
        Assert.False(change.IsCompleted);
        await leader.ReassignAsync([1, 2]);
        await change.WaitAsync(ReplicaSet.Patience);
        Assert.True(leader.NextChange(version).IsCompleted);
        await UntilReplicas(1, 2);
        change = leader.NextChange(_set.State.Version);
        leader.Close();
        await change.WaitAsync(ReplicaSet.Patience);
    }

    private async Task<PartitionLeader> LeadInSync()
    {
        var leader = _set.Lead(1);
        await _set.UntilInSync(1, 2, 3);
        return leader;
    }

    private Task UntilReplicas(params int[] nodes) => _set.Until(() => !_set.State.IsReassigning && _set.State.Replicas.SequenceEqual(nodes));
}
