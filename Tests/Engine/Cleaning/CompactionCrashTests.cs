using OrleansLog.Engine.Storage;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Cleaning;

/// <summary>Compaction that is cut short, at every operation and at random ones, and appends beside it.</summary>
public sealed class CompactionCrashTests
{
    [Theory]
    [InlineData(CrashKind.ForgetAll)]
    [InlineData(CrashKind.KeepAll)]
    [InlineData(CrashKind.Torn)]
    public void A_crash_at_any_operation_of_a_pass_loses_nothing_and_brings_nothing_back(CrashKind kind)
    {
        var crashes = 0;
        for (var at = 1; ; at++)
        {
            using var log = new CompactedLog(CompactedLog.DefaultConfig with { SegmentBytes = 1500 });
            log.AppendRandom(new Random(9), 40, keys: 12);
            log.RollAndClean();
            // Tombstones whose time is over, in the clean part; new records in the dirty one.
            log.Test.Clock.Advance(CompactedLog.DeleteRetentionMs);
            log.AppendRandom(new Random(10), 30, keys: 12);
            log.Log.Roll();
            log.Test.Flush();

            log.Test.Files.CrashAtOperation = log.Test.Files.OperationCount + at;
            var hasCrashed = false;
            try
            {
                log.Cleaner.Clean(log.Log);
            }
            catch (Exception failure) when (failure is OrleansLog.Records.OrleansLogException or IOException)
            {
                hasCrashed = true;
            }

            Assert.Equal(log.Test.Files.HasCrashed, hasCrashed);
            log.CrashAndReopen(kind, seed: at);
            Assert.Empty(log.FilesWith(".cleaned").Concat(log.FilesWith(".swap")));
            Assert.Empty(log.Log.Recovery.CorruptRegions);
            log.CheckState();
            log.Append("key-1", "after");
            var report = log.RollAndClean()!;
            log.Model.CheckClean(log.Log, report.EndOffset);
            log.CheckState();
            if (!hasCrashed) break;
            crashes++;
        }

        // Creation, writes, flushes, renames, deletions and the checkpoint, of several groups.
        Assert.InRange(crashes, 25, 1000);
    }

    [Theory]
    [InlineData(FileOperation.Write)]
    [InlineData(FileOperation.Flush)]
    [InlineData(FileOperation.Move)]
    [InlineData(FileOperation.Delete)]
    [InlineData(FileOperation.FlushDirectory)]
    public void A_disk_error_at_any_operation_of_a_pass_loses_nothing(FileOperation operation)
    {
        for (var skip = 0; ; skip++)
        {
            using var log = new CompactedLog(CompactedLog.DefaultConfig with { SegmentBytes = 1500 });
            log.AppendRandom(new Random(11), 40, keys: 12);
            log.Log.Roll();
            log.Test.Flush();
            var hasFailed = false;
            var left = skip;
            log.Test.Files.OnOperation = (op, _) =>
            {
                if (op != operation || left-- != 0) return;
                hasFailed = true;
                throw FaultyFileSystem.InputOutputError();
            };
            log.Cleaner.CleanDue([log.Log]);
            log.Test.Files.OnOperation = null;
            if (log.Log.Offline is null) log.CheckState();
            log.CrashAndReopen(CrashKind.Torn, seed: skip);
            log.CheckState();
            if (!hasFailed) break;
        }
    }

    [Fact]
    public void What_takes_the_place_of_segments_can_be_read_before_it_has_its_name_though_few_files_may_be_open()
    {
        // More segments than files that may be open: a read of all of them closes each again.
        using var log = new CompactedLog(CompactedLog.DefaultConfig with { SegmentBytes = 500 });
        log.AppendRandom(new Random(12), 400, keys: 1000);
        log.Log.Roll();
        log.Test.Flush();
        var reads = 0;
        log.Test.Files.OnOperation = (operation, path) =>
        {
            if (operation != FileOperation.Move || !path.Contains(".log.swap ->", StringComparison.Ordinal) || reads == 3) return;
            reads++;
            log.CheckState();
            log.CheckState();
        };
        Assert.NotNull(log.Cleaner.Clean(log.Log));
        Assert.Equal(3, reads);
        log.CheckState();
    }

    [Fact]
    public void A_segment_that_is_replaced_while_its_index_is_read_is_not_taken_for_a_lost_one()
    {
        using var log = new CompactedLog();
        log.AppendRandom(new Random(12), 60, keys: 30);
        log.Log.Roll();
        log.Test.Flush();
        foreach (var suffix in (string[])[".index", ".timeindex"])
        {
            log.CrashAndReopen(CrashKind.KeepAll);
            // What the start read of the indexes is in memory until then.
            GC.Collect();
            var passes = 0;
            log.Test.Files.BeforeReadAll = path =>
            {
                if (!path.EndsWith(suffix, StringComparison.Ordinal) || passes++ > 0) return;
                log.AppendRandom(new Random(13), 20, keys: 30);
                Assert.NotNull(log.RollAndClean());
            };
            Assert.NotNull(log.Log.LookupByTimestamp(0));
            log.CheckState();
            Assert.True(passes > 0);
            log.Test.Files.BeforeReadAll = null;
            Assert.Empty(log.Log.CorruptRegions);
        }
    }

    [Fact]
    public void A_search_by_time_finds_records_though_a_pass_drops_all_that_were_below_its_bound()
    {
        using var log = new CompactedLog();
        log.Append("a", "1");
        var asked = 0;
        long Bound()
        {
            var bound = log.Log.LogEndOffset;
            if (asked++ > 0) return bound;
            log.Append("a", "2");
            Assert.NotNull(log.RollAndClean());
            return bound;
        }

        Assert.Equal(1, log.Log.LookupByTimestamp(0, Bound)?.Offset);
        asked = 0;
        Assert.Equal(2, log.Log.MaxTimestamp(Bound)?.Offset);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void Random_runs_of_appends_passes_and_crashes_agree_with_the_model(int seed)
    {
        var random = new Random(seed);
        using var log = new CompactedLog(options: new LogCleanerOptions
        {
            MapBytes = random.Next(2) == 0 ? 15 * KeyOffsetMap.BytesPerKey : 1 << 20,
        });
        for (var step = 0; step < 120; step++)
        {
            switch (random.Next(10))
            {
                case < 5:
                    log.AppendRandom(random, random.Next(1, 15), keys: 40);
                    break;
                case < 8:
                    if (random.Next(2) == 0) log.Log.Roll();
                    log.Test.Flush();
                    if (log.Cleaner.Clean(log.Log) is { } report) log.Model.CheckClean(log.Log, report.EndOffset);
                    break;
                case 8:
                    log.Test.Clock.Advance(random.Next(2 * CompactedLog.DeleteRetentionMs));
                    break;
                default:
                    Crash(log, random);
                    break;
            }

            log.CheckState();
        }
    }

    [Fact]
    public async Task Readers_and_appends_beside_a_pass_see_one_consistent_log()
    {
        using var log = new CompactedLog();
        log.AppendRandom(new Random(12), 100, keys: 30);
        using var stop = new CancellationTokenSource();
        var (reads, passes) = (0, 0);
        var reader = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                // What was acknowledged by now must follow from any read that begins now.
                var last = -1L;
                foreach (var (offset, _, _) in TestLog.Records(log.Log))
                {
                    Assert.True(offset > last);
                    last = offset;
                }

                Assert.NotNull(log.Log.LookupByTimestamp(0));
                Interlocked.Increment(ref reads);
            }
        });
        var cleaner = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                log.Log.Roll();
                if (log.Cleaner.Clean(log.Log) is not null) Interlocked.Increment(ref passes);
            }
        });
        // At least 300 appends, and as many more as it takes until both have really run beside them.
        for (var i = 0; i < 300 || IsShort(ref reads, reader) || IsShort(ref passes, cleaner); i++)
            log.AppendRandom(new Random(i), 1, keys: 30);
        await stop.CancelAsync();
        await Task.WhenAll(reader, cleaner).WaitAsync(TimeSpan.FromSeconds(30));
        log.CheckState();
        log.Model.CheckClean(log.Log, log.RollAndClean()?.EndOffset ?? 0);

        static bool IsShort(ref int rounds, Task task) => Volatile.Read(ref rounds) < 3 && !task.IsCompleted;
    }

    private static void Crash(CompactedLog log, Random random)
    {
        var kind = (CrashKind)random.Next(3);
        var inFlight = CompactedLog.RandomRecords(random, 40, -1);
        switch (random.Next(3))
        {
            case 0:
                // Records that nobody was told of: they may survive or not, as a whole batch.
                log.Log.AppendAsLeader(TestLog.Batch(inFlight, log.Test.Clock.NowMs), 0);
                break;
            case 1:
                log.Test.Files.CrashAtOperation = log.Test.Files.OperationCount + random.Next(1, 60);
                try
                {
                    log.Log.Roll();
                    log.Cleaner.Clean(log.Log);
                }
                catch (Exception failure) when (failure is OrleansLog.Records.OrleansLogException or IOException)
                {
                }

                break;
            default:
                break;
        }

        log.CrashAndReopen(kind, random.Next());
        Assert.True(log.Log.LogEndOffset >= log.Model.AcknowledgedEnd);
        log.Model.Adopt(log.Log);
    }
}
