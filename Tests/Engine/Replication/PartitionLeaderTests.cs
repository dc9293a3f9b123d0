using OrleansLog.Engine.Replication;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Replication;

/// <summary>Appending, committing and fencing.</summary>
public sealed class PartitionLeaderTests : IDisposable
{
    private const int Node = 1, Epoch = 5;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);
    private readonly ManualResetEventSlim _disk = new(initialState: true);
    private readonly TestLog _test = new();
    private readonly PartitionLeader _leader;

    public PartitionLeaderTests()
    {
        _leader = new PartitionLeader(_test.Log, PartitionState.Single(Node, Epoch), Node, _test.Clock);
        _test.Files.BeforeFlush = path =>
        {
            if (path.EndsWith(".log", StringComparison.Ordinal)) _disk.Wait(s_timeout);
        };
    }

    public void Dispose()
    {
        _disk.Set();
        _test.Dispose();
        _disk.Dispose();
    }

    [Fact]
    public async Task A_record_is_neither_acknowledged_nor_readable_before_it_is_flushed()
    {
        _disk.Reset();
        var append = _leader.AppendAsync(One(), -1, s_timeout).AsTask();
        Assert.Equal(1, _test.Log.LogEndOffset);
        Assert.False(append.IsCompleted);
        Assert.Equal(0, _leader.HighWatermark);
        using (var read = (await _leader.ReadAsync(0, 1000)).Records) Assert.Equal(0, read.Length);

        _disk.Set();
        var outcome = await append;
        Assert.Equal([0], outcome.BaseOffsets);
        Assert.Equal(Epoch, outcome.LeaderEpoch);
        Assert.Equal(1, _leader.HighWatermark);
        using var after = (await _leader.ReadAsync(0, 1000)).Records;
        Assert.Single(TestLog.Records(after.Memory));
    }

    [Fact]
    public async Task With_acks_0_the_answer_comes_at_once_and_the_commit_with_the_flush()
    {
        _disk.Reset();
        var outcome = await _leader.AppendAsync(One(), 0, s_timeout).AsTask().WaitAsync(s_timeout);
        Assert.Equal([0], outcome.BaseOffsets);
        Assert.Equal(0, _leader.HighWatermark);
        var poll = _leader.ReadAsync(0, 1000, 1, s_timeout).AsTask();
        _disk.Set();
        using var read = (await poll).Records;
        Assert.Single(TestLog.Records(read.Memory));
    }

    [Fact]
    public async Task With_acks_1_a_leader_alone_in_sync_answers_with_the_commit()
    {
        _disk.Reset();
        var append = _leader.AppendAsync(One(), 1, s_timeout).AsTask();
        Assert.Equal(1, _test.Log.LogEndOffset);
        Assert.False(append.IsCompleted);
        _disk.Set();
        await append;
        Assert.Equal(1, _leader.HighWatermark);
    }

    [Fact]
    public async Task With_acks_1_and_a_follower_in_sync_the_answer_comes_at_once()
    {
        _leader.ApplyState(new PartitionState(Epoch, Node, [Node, 2], [Node, 2]));
        _disk.Reset();
        await _leader.AppendAsync(One(), 1, s_timeout).AsTask().WaitAsync(s_timeout);
        Assert.Equal(0, _leader.HighWatermark);
    }

    [Fact]
    public async Task In_a_relaxed_topic_what_is_written_is_committed()
    {
        _test.Log.UpdateConfig(LogConfig.Default with { FlushMessages = 1_000_000 });
        _disk.Reset();
        await _leader.AppendAsync(One(), -1, s_timeout).AsTask().WaitAsync(s_timeout);
        Assert.Equal(1, _leader.HighWatermark);
        Assert.Equal(0, _test.Log.FlushedOffset);
    }

    [Fact]
    public async Task A_failed_flush_is_never_acknowledged_nor_readable()
    {
        _disk.Reset();
        var append = _leader.AppendAsync(One(), -1, s_timeout).AsTask();
        _test.Files.Fail(FileOperation.Flush, FaultyFileSystem.InputOutputError);
        _disk.Set();
        Assert.Equal(ErrorCode.KafkaStorageError, (await Assert.ThrowsAsync<OrleansLogException>(() => append)).Error);
        Assert.Equal(0, _leader.HighWatermark);
        Assert.Equal(ErrorCode.KafkaStorageError, (await Refused(_leader.AppendAsync(One(), 1, s_timeout))).Error);
    }

    [Fact]
    public async Task A_flush_that_hangs_ends_in_a_timeout_and_the_record_may_still_be_committed()
    {
        _disk.Reset();
        var append = _leader.AppendAsync(One(), -1, TimeSpan.FromMilliseconds(500)).AsTask();
        _test.Clock.Advance(749);
        Assert.False(append.IsCompleted);
        _test.Clock.Advance(2);
        Assert.Equal(ErrorCode.RequestTimedOut, (await Assert.ThrowsAsync<OrleansLogException>(() => append)).Error);
        var poll = _leader.ReadAsync(0, 1000, 1, s_timeout).AsTask();
        _disk.Set();
        await _leader.AppendAsync(One(), -1, s_timeout);
        (await poll).Records.Dispose();
        Assert.Equal(2, _leader.HighWatermark);
    }

    [Theory]
    [InlineData(Epoch - 1, ErrorCode.FencedLeaderEpoch)]
    [InlineData(Epoch + 1, ErrorCode.UnknownLeaderEpoch)]
    public async Task Another_leader_epoch_is_refused_by_name(int epoch, ErrorCode error)
    {
        foreach (var refusal in new[]
        {
            await Refused(_leader.AppendAsync(One(), -1, s_timeout, epoch)),
            Assert.Throws<OrleansLogException>(() => _leader.ListOffsets(-1, currentLeaderEpoch: epoch)),
            await Assert.ThrowsAsync<OrleansLogException>(() => _leader.ReadAsync(0, 1, currentLeaderEpoch: epoch).AsTask()),
        })
        {
            Assert.Equal(error, refusal.Error);
            Assert.Contains($"Leader epoch {epoch}", refusal.Message, StringComparison.Ordinal);
            Assert.Contains($"current one is {Epoch}", refusal.Message, StringComparison.Ordinal);
        }

        Assert.Equal(0, _test.Log.LogEndOffset);
    }

    [Theory]
    [InlineData(-2)]
    [InlineData(2)]
    public async Task Acks_other_than_Kafkas_are_refused(short acks) =>
        Assert.Equal(ErrorCode.InvalidRequiredAcks, (await Refused(_leader.AppendAsync(One(), acks, s_timeout))).Error);

    [Fact]
    public async Task Too_few_in_sync_replicas_refuse_acks_all_and_nothing_else()
    {
        _test.Log.UpdateConfig(LogConfig.Default with { MinInsyncReplicas = 2 });
        var refusal = await Refused(_leader.AppendAsync(One(), -1, s_timeout));
        Assert.Equal(ErrorCode.NotEnoughReplicas, refusal.Error);
        Assert.Equal(0, _test.Log.LogEndOffset);
        await _leader.AppendAsync(One(), 1, s_timeout);
    }

    [Fact]
    public async Task What_the_log_refuses_is_the_callers_to_hear()
    {
        var corrupt = One();
        corrupt[^1] ^= 1;
        Assert.Equal(ErrorCode.CorruptMessage, (await Refused(_leader.AppendAsync(corrupt, -1, s_timeout))).Error);
        Assert.Equal(ErrorCode.CorruptMessage, (await Refused(_leader.AppendAsync(new byte[3], -1, s_timeout))).Error);
    }

    [Fact]
    public async Task Fencing_fails_everyone_who_waits_and_everyone_after()
    {
        await _leader.AppendAsync(One(), -1, s_timeout);
        _disk.Reset();
        var parked = _leader.AppendAsync(TestLog.Sequenced(7, 3), -1, s_timeout).AsTask();
        var uncommitted = _leader.AppendAsync(One(), -1, s_timeout).AsTask();
        var poll = _leader.ReadAsync(1, 1000, 1, s_timeout).AsTask();
        _leader.Fence();
        foreach (var waiting in new Task[] { parked, uncommitted, poll })
            Assert.Equal(ErrorCode.NotLeaderOrFollower, (await Assert.ThrowsAsync<OrleansLogException>(() => waiting)).Error);
        Assert.Equal(ErrorCode.NotLeaderOrFollower, (await Refused(_leader.AppendAsync(One(), 1, s_timeout))).Error);
        Assert.Throws<OrleansLogException>(() => _leader.DeleteRecords(0));
        Assert.Equal(2, _test.Log.LogEndOffset);

        _disk.Set();
        _test.Flush();
        Assert.Equal(1, _leader.HighWatermark);
        // A wait lets go of its timer when those who awaited it have gone on, and this may be one of them.
        await Task.Yield();
        Assert.True(SpinWait.SpinUntil(() => _test.Clock.ArmedTimers == 0, s_timeout));
        Assert.True(_leader.IsClosed);
    }

    [Fact]
    public void A_state_that_is_out_of_date_does_not_make_a_leader()
    {
        _test.Append(One(), leaderEpoch: Epoch);
        Assert.Equal(ErrorCode.FencedLeaderEpoch, Assert.Throws<OrleansLogException>(
            () => new PartitionLeader(_test.Log, PartitionState.Single(Node, Epoch - 1), Node, _test.Clock)).Error);
        Assert.Equal(ErrorCode.NotLeaderOrFollower, Assert.Throws<OrleansLogException>(
            () => new PartitionLeader(_test.Log, PartitionState.Single(Node + 1, Epoch), Node, _test.Clock)).Error);
    }

    [Fact]
    public async Task A_new_leader_commits_what_it_finds()
    {
        await _leader.AppendAsync(One(), -1, s_timeout);
        _disk.Reset();
        await _leader.AppendAsync(One(), 0, s_timeout);
        _leader.Fence();
        var next = new PartitionLeader(_test.Log, PartitionState.Single(Node, Epoch + 1), Node, _test.Clock);
        Assert.Equal(1, next.HighWatermark);
        var poll = next.ReadAsync(1, 1000, 1, s_timeout).AsTask();
        _disk.Set();
        (await poll).Records.Dispose();
        Assert.Equal(2, next.HighWatermark);
    }

    [Fact]
    public async Task With_a_follower_in_sync_only_what_it_holds_is_committed()
    {
        _leader.ApplyState(new PartitionState(Epoch, Node, [Node, 2], [Node, 2]));
        var append = _leader.AppendAsync(One(), -1, s_timeout).AsTask();
        _test.Flush();
        Assert.Equal(0, _leader.HighWatermark);
        Assert.False(append.IsCompleted);
        _leader.ReportFollower(2, 1);
        await append;
        Assert.Equal(1, _leader.HighWatermark);
    }

    [Fact]
    public async Task When_a_follower_leaves_the_in_sync_set_the_rest_commit_without_it()
    {
        _test.Log.UpdateConfig(LogConfig.Default with { MinInsyncReplicas = 2 });
        _leader.ApplyState(new PartitionState(Epoch, Node, [Node, 2], [Node, 2]));
        var append = _leader.AppendAsync(One(), -1, s_timeout).AsTask();
        _test.Flush();
        _leader.ApplyState(new PartitionState(Epoch, Node, [Node], [Node, 2]));
        Assert.Equal(ErrorCode.NotEnoughReplicasAfterAppend, (await Assert.ThrowsAsync<OrleansLogException>(() => append)).Error);
        Assert.Equal(1, _leader.HighWatermark);
    }

    [Fact]
    public async Task While_replicas_are_eligible_nothing_is_committed_and_nobody_waits_for_it()
    {
        _test.Log.UpdateConfig(LogConfig.Default with { MinInsyncReplicas = 2 });
        _leader.ApplyState(new PartitionState(Epoch, Node, [Node, 2], [Node, 2]));
        var append = _leader.AppendAsync(One(), -1, s_timeout).AsTask();
        _test.Flush();
        _leader.ApplyState(new PartitionState(Epoch, Node, [Node], [Node, 2]) { Version = 1, Eligible = [2] });
        Assert.Equal(ErrorCode.NotEnoughReplicasAfterAppend, (await Assert.ThrowsAsync<OrleansLogException>(() => append)).Error);
        Assert.Equal(0, _leader.HighWatermark);
        await _leader.AppendAsync(One(), 1, s_timeout).AsTask().WaitAsync(s_timeout);
        _test.Flush();
        Assert.Equal(0, _leader.HighWatermark);

        // With fewer asked for, the others are not told apart any more by what is configured, but by what is stored.
        _test.Log.UpdateConfig(LogConfig.Default with { MinInsyncReplicas = 1 });
        var refused = await Assert.ThrowsAsync<OrleansLogException>(() => _leader.AppendAsync(One(), -1, s_timeout).AsTask());
        Assert.Equal((ErrorCode.NotEnoughReplicas, 2), (refused.Error, _test.Log.LogEndOffset));
        _leader.ApplyState(new PartitionState(Epoch, Node, [Node], [Node, 2]) { Version = 2 });
        _test.Flush();
        Assert.Equal(2, _leader.HighWatermark);
    }

    private static byte[] One() => TestLog.Batch([("key", "value")]);

    private static Task<OrleansLogException> Refused(ValueTask<ProduceOutcome> append) =>
        Assert.ThrowsAsync<OrleansLogException>(() => append.AsTask());
}
