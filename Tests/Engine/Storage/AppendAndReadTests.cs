using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Engine.Storage;

public sealed class AppendAndReadTests
{
    [Fact]
    public async Task Appends_get_dense_offsets_and_are_read_back()
    {
        await using var harness = await LogHarness.StartAsync();
        Assert.Equal([0L], harness.Append(3, "a").BaseOffsets);
        Assert.Equal([3L], harness.Append(2, "b").BaseOffsets);
        var records = harness.ReadAll();
        Assert.Equal(["a0", "a1", "a2", "b0", "b1"], records.Values);
        Assert.Equal([0, 1, 2, 3, 4], records.Keys);
        Assert.Equal(5, harness.Log.LogEndOffset);
    }

    [Fact]
    public async Task Several_batches_in_one_append_are_answered_one_by_one()
    {
        await using var harness = await LogHarness.StartAsync();
        harness.Append(4);
        byte[] batches = [.. LogHarness.Batch(2, "a"), .. LogHarness.Batch(3, "b"), .. LogHarness.Batch(1, "c")];
        var result = harness.Log.AppendAsLeader(batches, 7);
        Assert.Equal([4L, 6L, 9L], result.BaseOffsets);
        Assert.Equal(10, result.NextOffset);
        Assert.True(RecordBatchHeader.TryRead(batches, out var header));
        Assert.Equal(4, header.BaseOffset);
        Assert.Equal(7, header.PartitionLeaderEpoch);
        Assert.Equal(10, harness.ReadAll().Count);
    }

    [Fact]
    public async Task A_read_returns_whole_batches_at_least_one_and_stops_at_the_limit()
    {
        await using var harness = await LogHarness.StartAsync();
        for (var i = 0; i < 10; i++) harness.Append(10, $"batch{i}-");
        using (var one = harness.Log.Read(15, 1)) Assert.Equal(Enumerable.Range(10, 10).Select(i => (long)i), LogHarness.Decode(one.Memory).Select(r => r.Offset));
        using (var limited = harness.Log.Read(0, 1 << 20, upToOffset: 30)) Assert.Equal(30, limited.NextOffset);
        using (var none = harness.Log.Read(30, 1 << 20, upToOffset: 30)) Assert.Equal(0, none.Length);
        using (var end = harness.Log.Read(100, 1 << 20)) Assert.Equal((0, 100L), (end.Length, end.NextOffset));
    }

    [Fact]
    public async Task A_batch_larger_than_the_read_is_returned_as_a_whole()
    {
        await using var harness = await LogHarness.StartAsync();
        harness.Append(1, new string('x', 200_000));
        using var read = harness.Log.Read(0, 100);
        Assert.True(read.Length > 200_000);
        Assert.Equal(1, read.NextOffset);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(6)]
    public async Task An_offset_outside_the_log_is_refused_with_its_bounds(long offset)
    {
        await using var harness = await LogHarness.StartAsync();
        harness.Append(5);
        var refused = LogHarness.Refused(() => harness.Log.Read(offset, 100));
        Assert.Equal(ErrorCode.OffsetOutOfRange, refused.Error);
        Assert.Contains($"{offset}", refused.Message, StringComparison.Ordinal);
        Assert.Contains("from 0 to 5", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_corrupt_batch_is_refused_and_nothing_of_its_append_is_there()
    {
        await using var harness = await LogHarness.StartAsync();
        byte[] batches = [.. LogHarness.Batch(2, "a"), .. LogHarness.Batch(3, "b")];
        batches[^1] ^= 1;
        Assert.Equal(ErrorCode.CorruptMessage, LogHarness.Refused(() => harness.Log.AppendAsLeader(batches, 0)).Error);
        Assert.Equal(0, harness.Log.LogEndOffset);
        Assert.Empty(harness.ReadAll());
    }

    [Fact]
    public async Task A_batch_above_max_message_bytes_is_refused_with_both_sizes()
    {
        await using var harness = await LogHarness.StartAsync(LogConfig.Default with { MaxMessageBytes = 1000 });
        var refused = LogHarness.Refused(() => harness.Append(1, new string('x', 1000)));
        Assert.Equal(ErrorCode.RecordTooLarge, refused.Error);
        Assert.Contains("1000", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_compacted_log_refuses_a_record_without_a_key()
    {
        await using var harness = await LogHarness.StartAsync(LogConfig.Default with { CleanupPolicy = CleanupPolicies.Compact });
        Assert.Equal(ErrorCode.InvalidRecord, LogHarness.Refused(() => harness.Append()).Error);
        harness.Log.AppendAsLeader(LogHarness.Batch(key: "k"), 0);
        Assert.Single(harness.ReadAll());
    }

    [Fact]
    public async Task A_client_may_not_write_control_batches()
    {
        await using var harness = await LogHarness.StartAsync();
        var marker = ControlRecords.WriteEndTransaction(1_000, 5, 0, new EndTransactionMarker(true, 3));
        Assert.Equal(ErrorCode.InvalidRecord, LogHarness.Refused(() => harness.Log.AppendAsLeader(marker, 0)).Error);
        harness.Log.AppendAsLeader(marker, 0, AppendOrigin.Coordinator);
        Assert.Equal(1, harness.Log.LogEndOffset);
    }

    [Fact]
    public async Task Timestamps_outside_the_topics_bounds_are_refused()
    {
        await using var harness = await LogHarness.StartAsync(
            LogConfig.Default with { MessageTimestampAfterMaxMs = 1000, MessageTimestampBeforeMaxMs = 5000 });
        var now = harness.Clock.NowMs;
        Assert.Equal(ErrorCode.InvalidTimestamp, LogHarness.Refused(() => harness.Append(timestampMs: now + 1001)).Error);
        Assert.Equal(ErrorCode.InvalidTimestamp, LogHarness.Refused(() => harness.Append(timestampMs: now - 5001)).Error);
        harness.Append(timestampMs: now);
    }

    [Fact]
    public async Task Log_append_time_is_written_by_the_leader()
    {
        await using var harness = await LogHarness.StartAsync(
            LogConfig.Default with { MessageTimestampType = TimestampType.LogAppendTime });
        var result = harness.Append(timestampMs: 5);
        Assert.Equal(harness.Clock.NowMs, result.LogAppendTimeMs);
        using var read = harness.Log.Read(0, 1000);
        Assert.True(RecordBatchHeader.TryRead(read.Memory.Span, out var header));
        Assert.Equal((TimestampType.LogAppendTime, harness.Clock.NowMs), (header.TimestampType, header.MaxTimestamp));
    }

    [Fact]
    public async Task An_older_leader_epoch_is_fenced()
    {
        await using var harness = await LogHarness.StartAsync();
        harness.Append(leaderEpoch: 4);
        Assert.Equal(ErrorCode.FencedLeaderEpoch, LogHarness.Refused(() => harness.Append(leaderEpoch: 3)).Error);
    }

    [Fact]
    public async Task A_follower_keeps_offsets_and_epochs_and_refuses_overlaps()
    {
        await using var leader = await LogHarness.StartAsync();
        await using var follower = await LogHarness.StartAsync();
        leader.Append(3, "a", leaderEpoch: 1);
        leader.Append(3, "b", leaderEpoch: 2);
        using var read = leader.Log.Read(0, 1 << 20);
        Assert.Equal(6, follower.Log.AppendAsFollower(read.Memory).NextOffset);
        Assert.Equal(leader.ReadAll(), follower.ReadAll());
        Assert.Equal(new EpochEnd(1, 3), follower.Log.EndOffsetForEpoch(1));
        Assert.Equal(ErrorCode.OffsetOutOfRange, LogHarness.Refused(() => follower.Log.AppendAsFollower(read.Memory)).Error);
    }

    [Fact]
    public async Task Relaxed_logs_flush_by_count_and_by_time()
    {
        await using var harness = await LogHarness.StartAsync(LogConfig.Default with { FlushMessages = 10, FlushMs = 1000 });
        harness.Append(3);
        Assert.True(harness.Log.WhenDurableAsync(3).IsCompletedSuccessfully);
        Assert.Equal(0, harness.Log.FlushedOffset);
        harness.Clock.Advance(TimeSpan.FromSeconds(1));
        harness.AssertFlushed(3);
        harness.Append(10);
        harness.AssertFlushed(13);
    }
}
