using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Storage;

/// <summary>What is acknowledged is on disk; when the disk fails, nothing is acknowledged.</summary>
public sealed class DurabilityTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly LogConfig Small = LogConfig.Default with { SegmentBytes = 1000, IndexIntervalBytes = 100, SegmentMs = long.MaxValue };

    [Theory]
    [InlineData(CrashKind.ForgetAll)]
    [InlineData(CrashKind.Torn)]
    public async Task A_power_loss_leaves_every_acknowledged_record(CrashKind kind)
    {
        await using var harness = await LogHarness.StartAsync(Small);
        var acknowledged = 0L;
        for (var round = 0; round < 20; round++)
        {
            for (var i = 0; i < round % 7; i++) acknowledged = (await harness.AppendDurablyAsync(1 + (i % 3), $"round {round} ")).NextOffset;
            var expected = harness.ReadAll().Where(record => record.Key < acknowledged).ToList();
            for (var i = 0; i < round % 4; i++) harness.Append(2, "never acknowledged ");
            await harness.CrashAsync(kind, seed: round);
            Assert.Equal(expected, harness.ReadAll().Where(record => record.Key < acknowledged));
            Assert.True(harness.Log.LogEndOffset >= acknowledged);
            Assert.Empty(harness.Log.CorruptRegions);
            acknowledged = harness.Log.LogEndOffset;
        }
    }

    [Fact]
    public async Task An_append_is_not_acknowledged_before_its_fsync()
    {
        await using var harness = await LogHarness.StartAsync();
        using var gate = harness.Files.HoldFlushes();
        var first = harness.Log.WhenFlushedAsync(harness.Append().NextOffset).AsTask();
        var second = harness.Log.WhenFlushedAsync(harness.Append().NextOffset).AsTask();
        await gate.Reached;
        Assert.False(first.IsCompleted);
        Assert.False(second.IsCompleted);
        Assert.Equal(0, harness.Log.FlushedOffset);
        gate.Dispose();
        await first.WaitAsync(Patience);
        await second.WaitAsync(Patience);
        Assert.Equal(2, harness.Log.FlushedOffset);
    }

    [Fact]
    public async Task One_fsync_serves_all_who_wait()
    {
        await using var harness = await LogHarness.StartAsync();
        await harness.AppendDurablyAsync();
        using var gate = harness.Files.HoldFlushes();
        var waits = new List<Task> { harness.Log.WhenFlushedAsync(harness.Append().NextOffset).AsTask() };
        await gate.Reached;
        var before = harness.Disk.FlushCount;
        for (var i = 0; i < 50; i++) waits.Add(harness.Log.WhenFlushedAsync(harness.Append().NextOffset).AsTask());
        gate.Dispose();
        await Task.WhenAll(waits).WaitAsync(Patience);
        Assert.Equal(before + 2, harness.Disk.FlushCount);
    }

    [Fact]
    public async Task A_wait_can_be_given_up()
    {
        await using var harness = await LogHarness.StartAsync();
        using var gate = harness.Files.HoldFlushes();
        using var cancellation = new CancellationTokenSource();
        var wait = harness.Log.WhenFlushedAsync(harness.Append().NextOffset, cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait);
    }

    public static TheoryData<string> DiskFaults => ["full", "error"];

    [Theory]
    [MemberData(nameof(DiskFaults))]
    public async Task A_failed_write_takes_the_log_offline_and_nothing_is_lost(string fault)
    {
        await using var harness = await LogHarness.StartAsync();
        await harness.AppendDurablyAsync(3, "kept");
        harness.Disk.Fail(FileOperation.Write, Make(fault), ".log");
        var refused = LogHarness.Refused(() => harness.Append(1, "lost"));
        Assert.Equal(ErrorCode.KafkaStorageError, refused.Error);
        if (fault == "full") Assert.Contains("disk is full", refused.Message, StringComparison.Ordinal);
        Assert.NotNull(harness.Log.Offline);
        Assert.Equal(ErrorCode.KafkaStorageError, LogHarness.Refused(() => harness.Append()).Error);
        Assert.Equal(3, harness.ReadAll().Count);

        harness.Disk.Heal();
        await harness.ReopenLogAsync();
        Assert.Equal(3, harness.Log.LogEndOffset);
        var next = await harness.AppendDurablyAsync();
        Assert.Equal(3, next.BaseOffsets[0]);
    }

    [Theory]
    [MemberData(nameof(DiskFaults))]
    public async Task A_failed_fsync_is_never_acknowledged_nor_retried(string fault)
    {
        await using var harness = await LogHarness.StartAsync();
        await harness.AppendDurablyAsync(3, "kept");
        harness.Disk.Fail(FileOperation.Flush, Make(fault), ".log");
        var wait = harness.Log.WhenFlushedAsync(harness.Append(2, "lost").NextOffset).AsTask();
        Assert.Equal(ErrorCode.KafkaStorageError, (await Assert.ThrowsAsync<OrleansLogException>(() => wait.WaitAsync(Patience))).Error);
        Assert.Equal(3, harness.Log.FlushedOffset);
        await Assert.ThrowsAsync<OrleansLogException>(async () => await harness.Log.WhenFlushedAsync(5));
        await Assert.ThrowsAsync<OrleansLogException>(async () => await harness.Log.WhenDurableAsync(5));

        // The page cache still shows the two records, and would flush without an error now: they must not come back as durable.
        harness.Disk.Heal();
        await harness.ReopenLogAsync();
        Assert.Equal(3, harness.Log.LogEndOffset);
        await harness.AppendDurablyAsync(1, "next");
        await harness.CrashAsync(CrashKind.ForgetAll);
        Assert.Equal(["kept0", "kept1", "kept2", "next0"], harness.ReadAll().Values);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_segment_that_a_failed_write_left_behind_is_durable_with_the_first_record_in_it(bool wasStopped)
    {
        await using var harness = await LogHarness.StartAsync();
        await harness.AppendDurablyAsync(1, "kept");
        if (wasStopped) await harness.RestartAsync();
        harness.Log.Roll();
        harness.Disk.Fail(FileOperation.Write, Make("full"), ".log");
        LogHarness.Refused(() => harness.Append(1, "lost"));
        Assert.Equal(2, harness.Log.Segments.Count);
        harness.Disk.Heal();
        await harness.ReopenLogAsync();
        await harness.AppendDurablyAsync(1, "next");
        await harness.CrashAsync(CrashKind.ForgetAll);
        Assert.Equal(["kept0", "next0"], harness.ReadAll().Values);
    }

    [Theory]
    [InlineData(CrashKind.ForgetAll)]
    [InlineData(CrashKind.KeepAll)]
    public async Task Zeros_written_ahead_of_small_appends_never_become_part_of_the_log(CrashKind kind)
    {
        await using var harness = await LogHarness.StartAsync(zeroAheadBytes: 10_000);
        for (var i = 0; i < 30; i++) await harness.AppendDurablyAsync(1, $"value {i} ");
        var path = harness.ActivePath;
        Assert.True(harness.FileLength(path) > harness.Log.SizeInBytes);
        await harness.CrashAsync(kind);
        Assert.Equal(30, harness.ReadAll().Count);
        Assert.Empty(harness.Log.CorruptRegions);
        Assert.Equal(harness.FileLength(path), harness.Log.SizeInBytes);
        for (var i = 30; i < 60; i++) await harness.AppendDurablyAsync(1, $"value {i} ");
        Assert.True(harness.FileLength(path) > harness.Log.SizeInBytes);
        await harness.RestartAsync();
        Assert.False(harness.Log.Recovery.HasFindings, harness.Log.Recovery.ToString());
        Assert.Equal(harness.FileLength(path), harness.Log.SizeInBytes);
        Assert.Equal(60, harness.ReadAll().Count);
    }

    [Fact]
    public async Task Zeros_left_in_a_closed_segment_cost_nothing_behind_it()
    {
        await using var harness = await LogHarness.StartAsync(Small with { FlushMessages = long.MaxValue });
        for (var i = 0; i < 40; i++) harness.Append(1, $"value {i} ");
        var before = harness.ReadAll();
        var closed = harness.Log.Segments[0].LogPath;
        await harness.CrashAsync(CrashKind.KeepAll, between: () => harness.ExtendFile(closed, new byte[5000]));
        Assert.Equal(5000, harness.Log.Recovery.BytesCut);
        Assert.Equal(before, harness.ReadAll());
    }

    [Fact]
    public async Task A_failed_directory_flush_of_a_new_segment_is_not_acknowledged()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        await harness.AppendDurablyAsync();
        harness.Log.Roll();
        harness.AssertFlushed(1);
        harness.Disk.Fail(FileOperation.FlushDirectory, FaultyFileSystem.InputOutputError, LogHarness.Partition.ToString());
        await Assert.ThrowsAsync<OrleansLogException>(async () =>
        {
            // The flush that fails may have ended before any of these, which refuse then.
            harness.Log.Roll();
            harness.Append();
            harness.Log.Roll();
            await harness.Log.WhenFlushedAsync(2).AsTask().WaitAsync(Patience);
        });
    }

    [Fact]
    public async Task A_disk_that_fills_up_at_any_operation_never_loses_what_was_acknowledged()
    {
        for (var skip = 0; skip < 60; skip++)
        {
            await using var harness = await LogHarness.StartAsync(Small, seed: skip);
            var left = skip;
            harness.Disk.OnOperation = (operation, path) =>
            {
                if (operation is FileOperation.Write or FileOperation.Create && path.Contains(LogHarness.Partition.ToString(), StringComparison.Ordinal)
                    && left-- <= 0) throw FaultyFileSystem.DiskFull();
            };
            var acknowledged = 0L;
            try
            {
                for (var i = 0; i < 100; i++) acknowledged = (await harness.AppendDurablyAsync(1, $"value {i} ")).NextOffset;
            }
            catch (OrleansLogException failure)
            {
                Assert.Equal(ErrorCode.KafkaStorageError, failure.Error);
            }

            harness.Disk.OnOperation = null;
            if (skip % 2 == 0) await harness.CrashAsync(CrashKind.ForgetAll);
            else await harness.ReopenLogAsync();
            var records = harness.ReadAll();
            for (var offset = 0; offset < acknowledged; offset++) Assert.Equal($"value {offset} 0", records[offset]);
            await harness.AppendDurablyAsync();
        }
    }

    private static Func<IOException> Make(string fault) => fault == "full" ? FaultyFileSystem.DiskFull : FaultyFileSystem.InputOutputError;
}
