using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Cleaning;

public sealed class CompactionTests
{
    [Fact]
    public void A_pass_leaves_the_last_record_of_each_key_at_its_offset()
    {
        using var log = new CompactedLog();
        log.AppendRandom(new Random(1), 200, keys: 20);
        var before = log.Log.SizeInBytes;
        var segments = log.Log.Segments.Count;
        var report = log.RollAndClean()!;
        log.Model.CheckClean(log.Log, report.EndOffset);
        log.CheckState();
        Assert.Equal(log.Log.LogEndOffset, report.EndOffset);
        Assert.InRange(report.KeptRecords, 15, 20);
        Assert.True(log.Log.SizeInBytes < before / 4);
        // What is left of many segments fits into few, as the next pass finds.
        log.Append("key-1", "again");
        log.RollAndClean();
        Assert.True(log.Log.Segments.Count < segments / 4);
        log.CheckState();
        Assert.Empty(log.FilesWith(".cleaned").Concat(log.FilesWith(".swap")));
    }

    [Fact]
    public void The_active_segment_is_never_touched()
    {
        using var log = new CompactedLog();
        log.Append("a", "1");
        log.Append("a", "2");
        Assert.Null(log.Cleaner.Clean(log.Log));
        log.Log.Roll();
        log.Append("a", "3");
        log.Append("a", "4");
        Assert.Equal(2, log.Cleaner.Clean(log.Log)!.EndOffset);
        Assert.Equal([1L, 2L, 3L], TestLog.Records(log.Log).Select(record => record.Offset));
    }

    [Fact]
    public void A_segment_of_which_nothing_goes_is_left_alone()
    {
        using var log = new CompactedLog();
        for (var i = 0; i < 40; i++) log.Append($"key-{i}", new string('x', 100));
        log.Log.Roll();
        log.Append("key-39", "again");
        log.RollAndClean();
        var untouched = log.Log.Segments[0];
        log.Append("key-38", "again");
        log.RollAndClean();
        Assert.Same(untouched, log.Log.Segments[0]);
        log.CheckState();
    }

    [Fact]
    public void A_log_is_due_by_its_dirty_ratio()
    {
        using var log = new CompactedLog();
        log.AppendRandom(new Random(2), 60, keys: 200);
        log.Log.Roll();
        log.Test.Flush();
        Assert.Single(log.Cleaner.CleanDue([log.Log]));
        Assert.Empty(log.Cleaner.CleanDue([log.Log]));
        log.AppendRandom(new Random(3), 10, keys: 200);
        log.Log.Roll();
        log.Test.Flush();
        Assert.Empty(log.Cleaner.CleanDue([log.Log]));
        log.Log.UpdateConfig(CompactedLog.DefaultConfig with { MinCleanableDirtyRatio = 0.05 });
        Assert.Single(log.Cleaner.CleanDue([log.Log]));
        log.CheckState();
    }

    [Fact]
    public void A_log_is_due_when_a_record_waited_too_long()
    {
        using var log = new CompactedLog(CompactedLog.DefaultConfig with { MinCleanableDirtyRatio = 1, MaxCompactionLagMs = 5000 });
        log.AppendRandom(new Random(2), 60, keys: 10);
        log.RollAndClean();
        log.Append("key-1", "late");
        log.Log.Roll();
        log.Test.Flush();
        Assert.Empty(log.Cleaner.CleanDue([log.Log]));
        log.Test.Clock.Advance(5001);
        Assert.Single(log.Cleaner.CleanDue([log.Log]));
    }

    [Fact]
    public void Young_records_wait_for_their_time()
    {
        using var log = new CompactedLog(CompactedLog.DefaultConfig with { MinCompactionLagMs = 10_000 });
        log.Append("a", "1");
        log.Append("a", "2");
        Assert.Null(log.RollAndClean());
        log.Test.Clock.Advance(10_000);
        Assert.Equal(1, log.Cleaner.Clean(log.Log)!.RemovedRecords);
    }

    [Fact]
    public void More_keys_than_the_map_holds_take_more_passes()
    {
        using var log = new CompactedLog(options: new LogCleanerOptions { MapBytes = 10 * KeyOffsetMap.BytesPerKey });
        log.AppendRandom(new Random(4), 150, keys: 60);
        log.Log.Roll();
        log.Test.Flush();
        var passes = 0;
        while (log.Cleaner.Clean(log.Log) is { } report)
        {
            log.Model.CheckClean(log.Log, report.EndOffset);
            passes++;
        }

        Assert.InRange(passes, 6, 100);
        log.Model.CheckClean(log.Log, log.Log.LogEndOffset);
        log.CheckState();
    }

    [Fact]
    public void A_tombstone_stays_until_its_horizon_and_then_goes()
    {
        using var log = new CompactedLog();
        log.Append("gone", "1");
        log.Append("gone", null);
        log.Append("kept", "1");
        log.RollAndClean();
        Assert.Equal([1L, 2L], TestLog.Records(log.Log).Select(record => record.Offset));

        // Not yet: the first pass only began the wait.
        log.Test.Clock.Advance(CompactedLog.DeleteRetentionMs - 1);
        log.Append("other", "1");
        log.RollAndClean();
        Assert.Contains(TestLog.Records(log.Log), record => record.Key == "gone");

        log.Test.Clock.Advance(1);
        log.Append("other", "2");
        log.RollAndClean();
        Assert.DoesNotContain(TestLog.Records(log.Log), record => record.Key == "gone");
        log.CheckState();
    }

    [Fact]
    public void The_wait_of_a_tombstone_survives_a_restart()
    {
        using var log = new CompactedLog();
        log.Append("gone", "1");
        log.Append("gone", null);
        log.RollAndClean();
        log.Test.Clock.Advance(CompactedLog.DeleteRetentionMs);
        log.CrashAndReopen(CrashKind.ForgetAll);
        log.Append("other", "1");
        log.RollAndClean();
        Assert.Equal(["other"], TestLog.Records(log.Log).Select(record => record.Key));
    }

    [Fact]
    public void A_producer_goes_on_after_its_last_records_were_superseded()
    {
        using var log = new CompactedLog();
        log.Append([("a", "1"), ("b", "1")], producerId: 7, sequence: 0);
        log.Append([("a", "2"), ("b", "2")], producerId: 7, sequence: 2);
        log.Append([("a", "3"), ("b", "3")], CompressionType.Zstd);
        log.RollAndClean();
        Assert.Equal(["3", "3"], TestLog.Records(log.Log).Select(record => record.Value));

        // The log alone tells of the producer now.
        log.CrashAndReopen(CrashKind.ForgetAll);
        foreach (var snapshot in log.FilesWith(".snapshot").ToList()) log.Test.Files.DeleteFile(snapshot);
        log.CrashAndReopen(CrashKind.KeepAll);
        Assert.Equal(3, log.Log.FindProducer(7)!.Value.LastSequence);
        var retry = log.Log.AppendAsLeader(TestLog.Batch([("a", "2"), ("b", "2")], producerId: 7, sequence: 2), 0);
        Assert.False(retry.AnyAppended);
        Assert.Equal(2, Assert.Single(retry.BaseOffsets));
        Assert.Throws<OrleansLogException>(() => log.Log.AppendAsLeader(TestLog.Batch([("a", "x")], producerId: 7, sequence: 9), 0));
        Assert.True(log.Log.AppendAsLeader(TestLog.Batch([("a", "x")], producerId: 7, sequence: 4), 0).AnyAppended);
    }

    [Fact]
    public void A_batch_kept_for_its_producer_goes_once_the_producer_wrote_again()
    {
        using var log = new CompactedLog();
        log.Append([("a", "1")], producerId: 7, sequence: 0);
        log.Append("a", "2");
        log.RollAndClean();
        var withEmpty = log.Log.SizeInBytes;
        log.Append([("a", "3")], producerId: 7, sequence: 1);
        log.RollAndClean();
        Assert.True(log.Log.SizeInBytes < withEmpty);
        log.Model.CheckClean(log.Log, log.Log.LogEndOffset);
    }

    [Fact]
    public void Batches_of_transactions_are_copied_as_they_are()
    {
        using var log = new CompactedLog();
        log.Append("a", "committed");
        using (var builder = new RecordBatchBuilder(1000))
        {
            builder.TryAppend(log.Test.Clock.NowMs, "a"u8, true, "maybe aborted"u8, true);
            builder.SetProducer(9, 0, 0, transactional: true);
            log.Test.Append(builder.Build().ToArray());
        }

        var marker = ControlRecords.WriteEndTransaction(log.Test.Clock.NowMs, 9, 0, new EndTransactionMarker(IsCommit: false, CoordinatorEpoch: 0));
        log.Log.AppendAsLeader(marker, 0, AppendOrigin.Coordinator);
        log.Append("b", "1");
        log.RollAndClean();
        Assert.Equal([0L, 1L, 2L, 3L], TestLog.Records(log.Log).Select(record => record.Offset));
    }

    [Fact]
    public void A_damaged_batch_is_never_copied_and_the_log_is_left_alone()
    {
        using var log = new CompactedLog();
        log.AppendRandom(new Random(5), 60, keys: 10);
        log.Log.Roll();
        log.Test.Flush();
        var path = log.Log.Segments[0].LogPath;
        log.Test.Files.FlipBit(path, 100, 3);
        var content = log.Test.Files.ReadAllBytes(path);
        Assert.Empty(log.Cleaner.CleanDue([log.Log]));
        Assert.Equal(ErrorCode.CorruptMessage, Assert.Throws<OrleansLogException>(() => log.Cleaner.Clean(log.Log)).Error);
        Assert.Equal(content, log.Test.Files.ReadAllBytes(path));
        Assert.Null(log.Log.Offline);
        Assert.Empty(log.FilesWith(".cleaned"));
    }

    [Fact]
    public void A_full_disk_stops_a_pass_and_harms_nothing()
    {
        using var log = new CompactedLog();
        log.AppendRandom(new Random(6), 60, keys: 10);
        log.Log.Roll();
        log.Test.Flush();
        log.Test.Files.Fail(FileOperation.Write, FaultyFileSystem.DiskFull, ".cleaned");
        Assert.Empty(log.Cleaner.CleanDue([log.Log]));
        Assert.Null(log.Log.Offline);
        Assert.Empty(log.FilesWith(".cleaned"));
        log.CheckState();
        // Left alone for a while, then tried again.
        Assert.Empty(log.Cleaner.CleanDue([log.Log]));
        log.Test.Clock.Advance(TimeSpan.FromMinutes(10));
        Assert.Single(log.Cleaner.CleanDue([log.Log]));
        log.CheckState();
    }

    [Fact]
    public void Where_a_pass_ended_is_remembered_and_a_corrupt_note_of_it_costs_a_pass()
    {
        using var log = new CompactedLog();
        log.AppendRandom(new Random(7), 60, keys: 10);
        var end = log.RollAndClean()!.EndOffset;
        log.CrashAndReopen(CrashKind.ForgetAll);
        Assert.Equal(end, log.Cleaner.CheckpointOf(TestLog.Partition));
        Assert.Null(log.Cleaner.Clean(log.Log));

        log.Test.Files.WriteAllBytesDurably($"{TestLog.DataDirectory}/{LogCleaner.CheckpointFileName}", "nonsense"u8);
        log.CrashAndReopen(CrashKind.ForgetAll);
        Assert.Null(log.Cleaner.CheckpointOf(TestLog.Partition));
        Assert.Equal(0, log.Cleaner.Clean(log.Log)!.RemovedRecords);
        log.Cleaner.Forget(TestLog.Partition);
        Assert.Null(log.Cleaner.CheckpointOf(TestLog.Partition));
    }

    [Fact]
    public async Task The_loop_compacts_what_is_due_and_ends_when_asked()
    {
        using var log = new CompactedLog();
        log.AppendRandom(new Random(8), 60, keys: 10);
        log.Log.Roll();
        log.Test.Flush();
        using var stop = new CancellationTokenSource();
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var rounds = 0;
        var loop = log.Cleaner.RunAsync(
            () =>
            {
                // The second question comes after the first pass.
                if (++rounds == 2) asked.TrySetResult();
                return [log.Log];
            },
            stop.Token);
        log.Test.Clock.Advance(TimeSpan.FromSeconds(15));
        SpinWait.SpinUntil(() => rounds == 1 && log.Test.Clock.ArmedTimers > 0, TimeSpan.FromSeconds(30));
        log.Test.Clock.Advance(TimeSpan.FromSeconds(15));
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(log.Log.LogEndOffset, log.Cleaner.CheckpointOf(TestLog.Partition));
        await stop.CancelAsync();
        await loop.WaitAsync(TimeSpan.FromSeconds(30));
    }
}
