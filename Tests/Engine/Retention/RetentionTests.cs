using Microsoft.Extensions.Logging.Abstractions;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Retention;

public sealed class RetentionTests : IDisposable
{
    private static readonly LogConfig s_config = LogConfig.Default with { RetentionMs = 10_000, SegmentMs = long.MaxValue };
    private readonly TestLog _test = new(s_config);

    private PartitionLog Log => _test.Log;

    public void Dispose() => _test.Dispose();

    [Fact]
    public void Segments_go_when_their_youngest_record_is_too_old()
    {
        AppendSegments(3, stepMs: 1000);
        _test.Clock.Advance(7000);
        Assert.Equal(0, Apply());
        _test.Clock.Advance(1);
        Assert.Equal(1, Apply());
        Assert.Equal(1, Log.LogStartOffset);
        Assert.Equal([1L, 2L], TestLog.Records(Log).Select(record => record.Offset));
        _test.Clock.Advance(1000);
        Assert.Equal(1, Apply());
        Assert.Equal(2, Log.LogStartOffset);
    }

    [Fact]
    public void One_young_record_keeps_its_segment()
    {
        _test.Append(TestLog.Batch([("k", "old")], _test.Clock.NowMs));
        _test.Append(TestLog.Batch([("k", "young")], _test.Clock.NowMs + 5000));
        Log.Roll();
        _test.Flush();
        _test.Clock.Advance(15_000);
        Assert.Equal(0, Apply());
        _test.Clock.Advance(1);
        Assert.Equal(1, Apply());
    }

    [Fact]
    public void An_idle_partition_ends_up_empty_and_its_offsets_go_on()
    {
        AppendSegments(2, stepMs: 0);
        _test.Append(TestLog.Batch([("k", "active")], _test.Clock.NowMs));
        _test.Clock.Advance(10_001);
        Assert.Equal(3, Apply());
        Assert.Equal((3L, 3L, 0L), (Log.LogStartOffset, Log.LogEndOffset, Log.SizeInBytes));
        Assert.Equal(0, Apply());
        Assert.Equal(3, _test.Append(TestLog.Batch([("k", "next")], _test.Clock.NowMs)));
        _test.CrashAndReopen();
        Assert.Equal((3L, 4L), (Log.LogStartOffset, Log.LogEndOffset));
    }

    [Fact]
    public void The_oldest_segments_go_down_to_the_size_but_never_below_it()
    {
        AppendSegments(5, stepMs: 0);
        var size = Log.Segments[0].SizeInBytes;
        Log.UpdateConfig(s_config with { RetentionBytes = (3 * size) - 1 });
        Assert.Equal(2, Apply());
        Log.UpdateConfig(s_config with { RetentionBytes = 2 * size });
        Assert.Equal(1, Apply());
        Assert.Equal(2 * size, Log.SizeInBytes);
        Log.UpdateConfig(s_config with { RetentionBytes = 0 });
        Assert.Equal(2, Apply());
    }

    [Fact]
    public void By_size_the_active_segment_stays()
    {
        _test.Append(TestLog.Batch([("k", "v")], _test.Clock.NowMs));
        Log.UpdateConfig(s_config with { RetentionBytes = 0 });
        Assert.Equal(0, Apply());
        Assert.Single(TestLog.Records(Log));
    }

    [Fact]
    public void Without_bounds_everything_stays()
    {
        AppendSegments(3, stepMs: 0);
        Log.UpdateConfig(s_config with { RetentionMs = -1 });
        _test.Clock.Advance(TimeSpan.FromDays(10_000));
        Assert.Equal(0, Apply());
    }

    [Fact]
    public void Nothing_goes_that_is_not_committed()
    {
        AppendSegments(3, stepMs: 0);
        _test.Clock.Advance(20_000);
        Assert.Equal(1, RetentionPolicy.Apply(Log, 1, _test.Clock.NowMs));
        Assert.Equal(0, RetentionPolicy.Apply(Log, 1, _test.Clock.NowMs));
    }

    [Fact]
    public void A_compacted_log_loses_nothing_to_age_unless_its_policy_says_so_too()
    {
        AppendSegments(3, stepMs: 0);
        _test.Clock.Advance(20_000);
        Log.UpdateConfig(s_config with { CleanupPolicy = CleanupPolicies.Compact });
        Assert.Equal(0, Apply());
        Log.UpdateConfig(s_config with { CleanupPolicy = CleanupPolicies.Compact | CleanupPolicies.Delete });
        Assert.Equal(3, Apply());
    }

    [Fact]
    public void What_a_crash_interrupts_is_a_log_without_gaps()
    {
        for (var at = 1; ; at++)
        {
            using var test = new TestLog(s_config);
            for (var i = 0; i < 4; i++) AppendSegment(test);
            test.Append(TestLog.Batch([("k", "active")], test.Clock.NowMs + 20_000));
            test.Clock.Advance(10_001);
            test.Files.CrashAtOperation = test.Files.OperationCount + at;
            try
            {
                RetentionPolicy.Apply(test.Log, test.Log.FlushedOffset, test.Clock.NowMs);
            }
            catch (OrleansLogException)
            {
            }

            var hasCrashed = test.Files.HasCrashed;
            test.CrashAndReopen(CrashKind.Torn, seed: at);
            var offsets = TestLog.Records(test.Log).Select(record => record.Offset).ToList();
            Assert.Equal(Enumerable.Range((int)test.Log.LogStartOffset, offsets.Count).Select(i => (long)i), offsets);
            Assert.Equal(5, test.Log.LogEndOffset);
            Assert.Equal(4, offsets[^1]);
            if (!hasCrashed) break;
        }
    }

    [Fact]
    public async Task The_manager_applies_it_to_all_open_logs_and_by_itself()
    {
        var files = new FaultyFileSystem();
        var clock = new FakeClock();
        var options = new LogManagerOptions { DataDirectory = "/data", RetentionInterval = TimeSpan.FromMinutes(1) };
        await using var manager = await LogManager.OpenAsync(options, files, clock, NullLogger.Instance);
        var logs = new List<PartitionLog>();
        for (var i = 0; i < 2; i++) logs.Add(await manager.OpenLogAsync(new TopicPartition("t", i), Guid.NewGuid(), s_config));
        foreach (var log in logs) await AppendAsync(log, clock);
        clock.Advance(10_001);
        Assert.Equal(2, await manager.ApplyRetentionAsync());

        foreach (var log in logs) await AppendAsync(log, clock);
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.True(SpinWait.SpinUntil(() => logs.TrueForAll(log => log.LogStartOffset == 2), TimeSpan.FromSeconds(30)));
    }

    private static async Task AppendAsync(PartitionLog log, FakeClock clock) =>
        await log.WhenFlushedAsync(log.AppendAsLeader(TestLog.Batch([("k", "v")], clock.NowMs), 0).NextOffset);

    private int Apply() => RetentionPolicy.Apply(Log, Log.FlushedOffset, _test.Clock.NowMs);

    private void AppendSegments(int count, int stepMs)
    {
        for (var i = 0; i < count; i++)
        {
            AppendSegment(_test);
            _test.Clock.Advance(stepMs);
        }
    }

    private static void AppendSegment(TestLog test)
    {
        test.Append(TestLog.Batch([("k", "v")], test.Clock.NowMs));
        test.Log.Roll();
        test.Flush();
    }
}
