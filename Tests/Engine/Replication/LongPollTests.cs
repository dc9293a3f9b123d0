using OrleansLog.Engine.Replication;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Replication;

/// <summary>Reading, waiting and looking offsets up.</summary>
public sealed class LongPollTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30), s_second = TimeSpan.FromSeconds(1);
    private readonly TestLog _test = new();
    private readonly PartitionLeader _leader;

    public LongPollTests() => _leader = new PartitionLeader(
        _test.Log, PartitionState.Single(1, 0), 1, _test.Clock, new PartitionLeaderOptions { MaxWaitingReads = 3 });

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task What_is_there_is_returned_before_the_call_returns()
    {
        await Append("a");
        var read = _leader.ReadAsync(0, 1000, 1, s_second);
        Assert.True(read.IsCompletedSuccessfully);
        using var records = (await read).Records;
        Assert.Equal("a", TestLog.Records(records.Memory).Single().Value);
    }

    [Fact]
    public async Task A_poll_at_the_end_is_woken_by_the_next_record()
    {
        await Append("a");
        var poll = Poll(1);
        Assert.False(poll.IsCompleted);
        await Append("b");
        var outcome = await poll;
        Assert.Equal("b", TestLog.Records(outcome.Records.Memory).Single().Value);
        Assert.Equal(2, outcome.HighWatermark);
        outcome.Records.Dispose();
        // The timer that all appends of one moment share is the last to go.
        _test.Clock.Advance(s_timeout + s_second);
        Assert.Equal(0, _test.Clock.ArmedTimers);
    }

    [Fact]
    public async Task A_poll_of_an_idle_partition_ends_empty_when_its_time_is_over()
    {
        var poll = Poll(0);
        Assert.Equal(1, _test.Clock.ArmedTimers);
        _test.Clock.Advance(999);
        Assert.False(poll.IsCompleted);
        _test.Clock.Advance(1);
        using var records = (await poll).Records;
        Assert.Equal(0, records.Length);
        Assert.Equal(0, _test.Clock.ArmedTimers);
    }

    [Fact]
    public async Task A_poll_waits_for_the_bytes_it_wants_and_gets_what_there_is_in_the_end()
    {
        var size = TestLog.Batch([("key", "a")]).Length;
        var poll = _leader.ReadAsync(0, 10_000, size * 3, s_second).AsTask();
        await Append("a");
        await Append("b");
        Assert.False(poll.IsCompleted);
        await Append("c");
        using (var records = (await poll).Records) Assert.Equal(size * 3, records.Length);

        poll = _leader.ReadAsync(1, 10_000, size * 3, s_second).AsTask();
        Assert.False(poll.IsCompleted);
        _test.Clock.Advance(1000);
        using (var records = (await poll).Records) Assert.Equal(size * 2, records.Length);
    }

    [Fact]
    public async Task More_bytes_wanted_than_allowed_do_not_wait_for_ever()
    {
        await Append("a");
        var read = _leader.ReadAsync(0, 10, 1_000_000, s_second);
        Assert.True(read.IsCompletedSuccessfully);
        (await read).Records.Dispose();
    }

    [Fact]
    public async Task A_cancelled_poll_ends()
    {
        using var cancel = new CancellationTokenSource();
        var poll = _leader.ReadAsync(0, 1000, 1, s_second, cancellationToken: cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => poll);
    }

    [Fact]
    public async Task Beyond_the_bound_on_waiting_reads_the_answer_comes_at_once()
    {
        var polls = Enumerable.Range(0, 3).Select(_ => Poll(0)).ToArray();
        using (var records = (await Poll(0)).Records) Assert.Equal(0, records.Length);
        _test.Clock.Advance(s_second);
        await Task.WhenAll(polls);
        Assert.False(Poll(0).IsCompleted);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(3)]
    public async Task An_offset_out_of_range_is_told_with_the_range(long offset)
    {
        await Append("a");
        await Append("b");
        var refusal = await Assert.ThrowsAsync<OrleansLogException>(() => Poll(offset));
        Assert.Equal(ErrorCode.OffsetOutOfRange, refusal.Error);
        Assert.Contains($"Offset {offset} ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("[0, 2]", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deleted_records_are_out_of_range_for_a_poll_that_was_waiting_there()
    {
        await Append("a");
        var poll = _leader.ReadAsync(0, 10_000, 5_000, s_second).AsTask();
        Assert.Equal(1, _leader.DeleteRecords(-1));
        _test.Clock.Advance(s_second);
        Assert.Equal(ErrorCode.OffsetOutOfRange, (await Assert.ThrowsAsync<OrleansLogException>(() => poll)).Error);
    }

    [Fact]
    public async Task Offsets_are_found_by_name_and_by_time()
    {
        await _leader.AppendAsync(TestLog.Batch([("k", "a")], _test.Clock.NowMs), -1, s_timeout);
        await _leader.AppendAsync(TestLog.Batch([("k", "b")], _test.Clock.NowMs + 1000), -1, s_timeout);
        await _leader.AppendAsync(TestLog.Batch([("k", "c")], _test.Clock.NowMs + 500), -1, s_timeout);
        Assert.Equal(3, _leader.ListOffsets(-1)!.Value.Offset);
        Assert.Equal(0, _leader.ListOffsets(-2)!.Value.Offset);
        Assert.Equal(1, _leader.ListOffsets(-3)!.Value.Offset);
        Assert.Equal(1, _leader.ListOffsets(_test.Clock.NowMs + 1)!.Value.Offset);
        Assert.Null(_leader.ListOffsets(_test.Clock.NowMs + 1001));
        Assert.Equal(ErrorCode.InvalidRequest, Assert.Throws<OrleansLogException>(() => _leader.ListOffsets(-9)).Error);
        Assert.Equal(new EpochEnd(0, 3), _leader.OffsetForLeaderEpoch(0));
    }

    [Fact]
    public async Task Records_cannot_be_deleted_beyond_the_high_watermark_or_from_a_compacted_topic()
    {
        await Append("a");
        Assert.Equal(ErrorCode.OffsetOutOfRange, Assert.Throws<OrleansLogException>(() => _leader.DeleteRecords(2)).Error);
        _test.Log.UpdateConfig(LogConfig.Default with { CleanupPolicy = CleanupPolicies.Compact });
        Assert.Equal(ErrorCode.PolicyViolation, Assert.Throws<OrleansLogException>(() => _leader.DeleteRecords(1)).Error);
    }

    [Fact]
    public async Task Many_producers_and_readers_at_once_see_one_dense_log()
    {
        const int Producers = 8, Each = 200;
        var readers = Enumerable.Range(0, 3).Select(_ => Task.Run(ReadAll)).ToArray();
        var producers = Enumerable.Range(0, Producers).Select(p => Task.Run(async () =>
        {
            for (var i = 0; i < Each; i++)
                await _leader.AppendAsync(TestLog.Sequenced(p, i), (short)(p % 2 == 0 ? -1 : 1), s_timeout);
        })).ToArray();
        await Task.WhenAll(producers).WaitAsync(s_timeout);
        foreach (var records in await Task.WhenAll(readers).WaitAsync(s_timeout))
            Assert.Equal(Enumerable.Range(0, Producers * Each).Select(i => (long)i), records);

        async Task<List<long>> ReadAll()
        {
            var offsets = new List<long>();
            while (offsets.Count < Producers * Each)
            {
                using var records = (await _leader.ReadAsync(offsets.Count, 500, 1, s_timeout)).Records;
                offsets.AddRange(TestLog.Records(records.Memory).Select(record => record.Offset));
            }

            return offsets;
        }
    }

    private Task<FetchOutcome> Poll(long offset) => _leader.ReadAsync(offset, 10_000, 1, s_second).AsTask();

    private async Task Append(string value) => await _leader.AppendAsync(TestLog.Batch([("key", value)]), -1, s_timeout);
}
