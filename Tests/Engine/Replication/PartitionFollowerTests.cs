using OrleansLog.Engine.Replication;
using OrleansLog.Engine.Storage;
using OrleansLog.Grains.Failover;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Replication;

/// <summary>The follower alone, with requests as a network may deliver them.</summary>
public sealed class PartitionFollowerTests : IDisposable
{
    private const int Epoch = 5;
    private readonly TestLog _source = new();
    private readonly TestLog _test = new();
    private PartitionFollower _follower;

    public PartitionFollowerTests() => _follower = new PartitionFollower(_test.Log, 2, TimeProvider.System);

    public void Dispose()
    {
        _source.Dispose();
        _test.Dispose();
    }

    [Fact]
    public async Task An_older_epoch_is_refused_also_after_a_restart()
    {
        await _follower.BeginTermAsync(new BeginTermRequest(Epoch, 1));
        Assert.Equal(ReplicaResult.FencedEpoch, (await _follower.BeginTermAsync(new BeginTermRequest(Epoch - 1, 3))).Result);
        _test.CrashAndReopen();
        _follower = new PartitionFollower(_test.Log, 2, TimeProvider.System);
        var refused = await _follower.BeginTermAsync(new BeginTermRequest(Epoch - 1, 3));
        Assert.Equal((ReplicaResult.FencedEpoch, Epoch), (refused.Result, refused.LeaderEpoch));
        Assert.Equal(
            ErrorCode.FencedLeaderEpoch,
            Assert.Throws<OrleansLog.Records.OrleansLogException>(() => _test.Log.AppendAsLeader(One(0), Epoch - 1)).Error);
    }

    [Fact]
    public async Task Nothing_is_appended_before_the_session_is_aligned_nor_in_an_older_one()
    {
        var first = await Begin();
        Assert.Equal(ReplicaResult.StaleSession, (await Push(first, 0)).Result);
        Assert.Equal(ReplicaResult.Ok, (await Align(first, 0)).Result);
        Assert.Equal(ReplicaResult.Ok, (await Push(first, 0)).Result);
        var second = await Begin();
        Assert.Equal(ReplicaResult.Ok, (await Align(second, 1)).Result);
        Assert.Equal(ReplicaResult.StaleSession, (await Push(first, 1)).Result);
        Assert.Equal(1, _test.Log.LogEndOffset);
    }

    [Fact]
    public async Task A_late_truncation_cuts_off_nothing()
    {
        var first = await Begin();
        var second = await Begin();
        await Align(second, 0);
        await Push(second, 0);
        Assert.Equal(ReplicaResult.StaleSession, (await Align(first, 0)).Result);
        Assert.Equal(ReplicaResult.StaleSession, (await Align(second, 0)).Result);
        Assert.Equal(1, _test.Log.LogEndOffset);
    }

    [Fact]
    public async Task Requests_that_overtook_each_other_are_put_in_order_and_a_repeated_one_is_answered()
    {
        var session = await Begin();
        await Align(session, 0);
        byte[][] batches = [Batch(), Batch(), Batch()];
        var third = Push(session, 2, batches[2]);
        var second = Push(session, 1, batches[1]);
        Assert.False(third.IsCompleted || second.IsCompleted);
        await Push(session, 0, batches[0]);
        Assert.Equal(ReplicaResult.Ok, (await second).Result);
        Assert.Equal((ReplicaResult.Ok, 3L, 3L), ((await third).Result, (await third).LogEndOffset, (await third).DurableEndOffset));
        Assert.Equal(ReplicaResult.Ok, (await Push(session, 1, batches[1])).Result);
        Assert.Equal(3, TestLog.Records(_test.Log).Count);
    }

    [Fact]
    public async Task A_request_whose_predecessor_does_not_come_is_refused()
    {
        _follower = new PartitionFollower(
            _test.Log, 2, TimeProvider.System, options: new PartitionFollowerOptions { MaxParkedTime = TimeSpan.FromMilliseconds(5) });
        var session = await Begin();
        await Align(session, 0);
        Batch();
        var answer = await Push(session, 1, Batch());
        Assert.Equal((ReplicaResult.Mismatch, 0L), (answer.Result, answer.LogEndOffset));
    }

    /// <summary>Partitions that are written to get their next leader first.</summary>
    [Fact]
    public async Task Whether_records_came_lately_is_known()
    {
        var clock = new FakeClock();
        _follower = new PartitionFollower(_test.Log, 2, clock);
        var session = await Begin();
        await Align(session, 0);
        Assert.Null(_follower.SinceRecords);
        Assert.Equal([_test.Log.Partition], LeaderFailover.BusyAndIdle([_follower]).Idle);
        await Push(session, 0);
        clock.Advance(TimeSpan.FromSeconds(29));
        Assert.Equal(TimeSpan.FromSeconds(29), _follower.SinceRecords);
        Assert.Equal([_test.Log.Partition], LeaderFailover.BusyAndIdle([_follower]).Busy);
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal([_test.Log.Partition], LeaderFailover.BusyAndIdle([_follower]).Idle);
    }

    [Fact]
    public async Task It_answers_once_the_records_are_durable()
    {
        using var disk = new ManualResetEventSlim(initialState: false);
        var session = await Begin();
        await Align(session, 0);
        _test.Files.BeforeFlush = path =>
        {
            if (path.EndsWith(".log", StringComparison.Ordinal)) disk.Wait(ReplicaSet.Patience);
        };
        var push = Push(session, 0);
        Assert.Equal(1, _test.Log.LogEndOffset);
        Assert.False(push.IsCompleted);
        disk.Set();
        Assert.Equal(1, (await push).DurableEndOffset);
    }

    [Theory]
    [InlineData(7)] // the base offset, which no CRC covers
    [InlineData(15)] // the leader epoch, likewise
    [InlineData(64)] // a record
    public async Task Records_that_arrive_damaged_are_not_appended(int position)
    {
        var session = await Begin();
        await Align(session, 0);
        var batch = Batch();
        var seal = RecordSeal.Of(batch);
        batch[position] ^= 1;
        Assert.Equal(ReplicaResult.Corrupt, (await _follower.ReplicateAsync(Request(session, ReplicaAlignment.None, 0, batch, seal))).Result);
        Assert.Equal(0, _test.Log.LogEndOffset);
    }

    [Fact]
    public async Task Damage_that_a_search_finds_is_told_to_the_leader_and_forgotten_once_truncated()
    {
        var session = await Begin();
        await Align(session, 0);
        for (var offset = 0; offset < 3; offset++) await Push(session, offset);
        Assert.True(_follower.Scrub());
        var state = new PartitionState(Epoch, 1, [1, 2], [1, 2]);
        Assert.Equal(ReplicaFitness.Fit, _follower.FitnessFor(state));

        _test.Files.FlipBit(_test.Log.Segments[0].LogPath, _test.Log.Segments[0].SizeInBytes - 1, 0);
        Assert.False(_follower.Scrub());
        Assert.Equal(ReplicaFitness.Damaged, _follower.FitnessFor(state));
        Assert.Equal(ReplicaResult.StaleSession, (await Push(session, 3)).Result);
        var term = await _follower.BeginTermAsync(new BeginTermRequest(Epoch, 1));
        Assert.Equal(2, term.DamagedFrom);
        await Align(term.Session, 2);
        Assert.Equal(2, _test.Log.LogEndOffset);
        Assert.True(_follower.MayLead(state));
    }

    [Theory]
    [InlineData("deleted")]
    [InlineData("cut within a batch")]
    [InlineData("cut between two batches")]
    public async Task A_segment_that_was_deleted_or_cut_is_found_and_filled_up(string how)
    {
        _test.Log.UpdateConfig(LogConfig.Default with { SegmentBytes = 300 });
        var session = await Begin();
        await Align(session, 0);
        for (var offset = 0; offset < 20; offset++) await Push(session, offset);
        var segments = _test.Log.Segments;
        Assert.True(segments.Count > 3);
        var (hit, middle) = (segments[1].BaseOffset, segments[1].LogPath);
        _test.Reopen(() =>
        {
            if (how == "deleted") _test.Files.DeleteFile(middle);
            else
            {
                using var file = _test.Files.OpenFile(middle, FileOpenMode.Open);
                file.SetLength(file.Length - (how == "cut within a batch" ? 3 : One(0).Length));
            }
        });
        _follower = new PartitionFollower(_test.Log, 2, TimeProvider.System);
        // The batch that is torn begins where the index says: only who reads it finds that out.
        if (how == "cut within a batch") Assert.False(_follower.Scrub());
        Assert.InRange(_test.Log.DamagedFrom, hit, segments[2].BaseOffset - 1);
        Assert.False(_follower.MayLead(new PartitionState(Epoch, 1, [1, 2], [1, 2])));
        var term = await _follower.BeginTermAsync(new BeginTermRequest(Epoch, 1));
        Assert.InRange(term.DamagedFrom, hit, segments[2].BaseOffset - 1);
        Assert.False(_follower.MayLead(new PartitionState(Epoch, 1, [1, 2], [1, 2])));

        await Align(term.Session, term.DamagedFrom);
        for (var offset = term.DamagedFrom; offset < 20; offset++) await Push(term.Session, offset);
        Assert.True(_follower.Scrub());
        Assert.Equal(20, TestLog.Records(_test.Log).Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_segment_that_is_deleted_while_it_is_open_is_found_and_filled_up(int index)
    {
        _test.Log.UpdateConfig(LogConfig.Default with { SegmentBytes = 300 });
        var session = await Begin();
        await Align(session, 0);
        for (var offset = 0; offset < 20; offset++) await Push(session, offset);
        var hit = _test.Log.Segments[index < 0 ? ^1 : index];
        _test.Files.DeleteFile(hit.LogPath);
        Assert.Equal(20, TestLog.Records(_test.Log).Count);
        Assert.False(_follower.Scrub());
        var term = await _follower.BeginTermAsync(new BeginTermRequest(Epoch, 1));
        Assert.Equal(hit.BaseOffset, term.DamagedFrom);

        await Align(term.Session, term.DamagedFrom);
        Assert.Equal(hit.BaseOffset, _test.Log.LogEndOffset);
        for (var offset = term.DamagedFrom; offset < 20; offset++) await Push(term.Session, offset);
        Assert.True(_follower.Scrub());
        Assert.Equal(-1, _test.Log.DamagedFrom);
        _test.Reopen(static () => { });
        Assert.Equal(20, TestLog.Records(_test.Log).Count);
    }

    [Fact]
    public async Task A_replica_that_never_took_part_is_unfit_where_it_is_named_in_sync()
    {
        var state = new PartitionState(Epoch, 1, [1, 2], [1, 2]);
        Assert.Equal(ReplicaFitness.Unfit, _follower.FitnessFor(state));
        Assert.Equal(ReplicaFitness.Fit, _follower.FitnessFor(state with { LeaderEpoch = 0 }));
        var term = await _follower.BeginTermAsync(new BeginTermRequest(Epoch, 1));
        Assert.Equal(0, term.DamagedFrom);
        Assert.Equal(ReplicaFitness.Unfit, _follower.FitnessFor(state));
        await Align(term.Session, 0);
        Assert.Equal(ReplicaFitness.Fit, _follower.FitnessFor(state));
    }

    [Fact]
    public async Task A_push_in_turn_is_durable_and_answered_when_the_call_returns_and_by_the_callers_thread()
    {
        var session = await Begin();
        await Align(session, 0);
        var flushedBy = new List<int>();
        _test.Files.BeforeFlush = path =>
        {
            if (path.EndsWith(".log", StringComparison.Ordinal)) flushedBy.Add(Environment.CurrentManagedThreadId);
        };
        var caller = Environment.CurrentManagedThreadId;
        var pushed = PushInTurn(session, 0);
        Assert.True(pushed.IsCompleted);
        var answer = await pushed;
        Assert.Equal((ReplicaResult.Ok, 1L, 1L), (answer.Result, answer.LogEndOffset, answer.DurableEndOffset));
        Assert.Equal([caller], flushedBy);
        _test.CrashAndReopen();
        Assert.Single(TestLog.Records(_test.Log));
    }

    [Fact]
    public async Task A_push_in_turn_that_is_not_to_flush_or_finds_another_at_it_is_answered_later()
    {
        var session = await Begin();
        await Align(session, 0);
        using var disk = new ManualResetEventSlim(initialState: false);
        using var isFlushing = new ManualResetEventSlim(initialState: false);
        _test.Files.BeforeFlush = path =>
        {
            if (!path.EndsWith(".log", StringComparison.Ordinal)) return;
            isFlushing.Set();
            disk.Wait(ReplicaSet.Patience);
        };
        var first = PushInTurn(session, 0, flushesHere: false).AsTask();
        Assert.True(isFlushing.Wait(ReplicaSet.Patience));
        var second = PushInTurn(session, 1).AsTask();
        Assert.Equal(2, _test.Log.LogEndOffset);
        Assert.False(first.IsCompleted || second.IsCompleted);
        disk.Set();
        Assert.InRange((await first).DurableEndOffset, 1, 2);
        Assert.Equal((ReplicaResult.Ok, 2L), ((await second).Result, (await second).DurableEndOffset));
    }

    [Fact]
    public async Task A_push_in_turn_that_comes_out_of_turn_or_cannot_be_made_durable_is_refused()
    {
        var session = await Begin();
        await Align(session, 0);
        var early = await PushInTurn(session, 1);
        Assert.Equal((ReplicaResult.Mismatch, 0L), (early.Result, early.LogEndOffset));
        Assert.Equal(ReplicaResult.StaleSession, (await PushInTurn(session + 1, 0)).Result);
        _test.Files.BeforeFlush = static _ => throw new IOException("the disk is gone");
        var failed = await PushInTurn(session, 0);
        Assert.Equal(ReplicaResult.Unavailable, failed.Result);
        Assert.Contains("the disk is gone", failed.Reason, StringComparison.Ordinal);
        Assert.Equal(ReplicaResult.Unavailable, (await PushInTurn(session, 1)).Result);
    }

    private ValueTask<ReplicateResponse> PushInTurn(long session, long offset, bool flushesHere = true) =>
        _follower.ReplicateInTurn(Request(session, ReplicaAlignment.None, offset, One(offset)), flushesHere);

    private async Task<long> Begin() => (await _follower.BeginTermAsync(new BeginTermRequest(Epoch, 1))).Session;

    private Task<ReplicateResponse> Align(long session, long offset) =>
        _follower.ReplicateAsync(Request(session, ReplicaAlignment.Truncate, offset, []));

    private Task<ReplicateResponse> Push(long session, long offset, byte[]? batch = null) =>
        _follower.ReplicateAsync(Request(session, ReplicaAlignment.None, offset, batch ?? One(offset)));

    private static ReplicateRequest Request(long session, ReplicaAlignment alignment, long offset, byte[] batch, long? seal = null) =>
        new(Epoch, session, alignment, offset, batch, seal ?? RecordSeal.Of(batch), HighWatermark: 0, LogStartOffset: 0);

    private byte[] Batch() => One(_source.Append(TestLog.Batch([("k", "v")]), Epoch));

    private static byte[] One(long offset)
    {
        var batch = TestLog.Batch([("k", "v")]);
        OrleansLog.Records.RecordBatch.SetBaseOffset(batch, offset);
        OrleansLog.Records.RecordBatch.SetLeaderEpoch(batch, Epoch);
        return batch;
    }
}
