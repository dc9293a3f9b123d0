using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Engine.Storage;

/// <summary>Readers and writers at once.</summary>
public sealed class ConcurrencyTests
{
    private static readonly LogConfig Small = LogConfig.Default with { SegmentBytes = 4000, IndexIntervalBytes = 300, SegmentMs = long.MaxValue };

    [Fact]
    public async Task Readers_see_only_whole_batches_in_order_while_the_log_grows_rolls_and_shrinks()
    {
        const int Total = 6000;
        await using var harness = await LogHarness.StartAsync(Small);
        var log = harness.Log;
        var writer = Task.Run(async () =>
        {
            for (var offset = 0; offset < Total; offset += 3)
            {
                log.AppendAsLeader(LogHarness.Batch(3, $"{offset}+"), 0);
                if (offset % 600 == 0) await log.WhenFlushedAsync(log.LogEndOffset);
                if (offset % 900 == 0) log.DeleteRecordsBefore(Math.Max(0, offset - 1500));
            }
        });
        var readers = Enumerable.Range(0, 3).Select(seed => Task.Run(() => ReadWhile(log, Total, seed))).ToList();
        await writer.WaitAsync(TimeSpan.FromSeconds(60));
        await Task.WhenAll(readers).WaitAsync(TimeSpan.FromSeconds(60));
    }

    private static void ReadWhile(PartitionLog log, long end, int seed)
    {
        var random = new Random(seed);
        for (var offset = 0L; offset < end;)
        {
            try
            {
                using var read = log.Read(offset, 1 + random.Next(3000));
                foreach (var (at, value) in LogHarness.Decode(read.Memory))
                {
                    Assert.Equal($"{at - (at % 3)}+{at % 3}", value);
                    if (at >= offset) Assert.Equal(offset++, at);
                }

                if (seed == 2 && random.Next(10) == 0) offset = Math.Max(log.LogStartOffset, offset - random.Next(500));
            }
            catch (OrleansLogException gone) when (gone.Error == ErrorCode.OffsetOutOfRange)
            {
                offset = log.LogStartOffset;
            }
        }
    }

    [Fact]
    public async Task Readers_never_see_truncated_bytes_mixed_with_new_ones()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        var log = harness.Log;
        using var stop = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    using var read = log.Read(0, 8000);
                    foreach (var (at, value) in LogHarness.Decode(read.Memory)) Assert.EndsWith($"-{at}.0", value, StringComparison.Ordinal);
                }
                catch (OrleansLogException gone) when (gone.Error is ErrorCode.OffsetOutOfRange or ErrorCode.OffsetNotAvailable)
                {
                }
            }
        })).ToList();
        var random = new Random(3);
        for (var round = 0; round < 300; round++)
        {
            for (var i = 0; i < 20; i++) log.AppendAsLeader(LogHarness.Batch(1, $"{new string('x', random.Next(200))}-{log.LogEndOffset}."), round);
            log.TruncateTo(random.NextInt64(log.LogEndOffset));
        }

        await stop.CancelAsync();
        await Task.WhenAll(readers).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Empty(log.CorruptRegions);
    }

    [Fact]
    public async Task Many_appenders_are_all_acknowledged_each_at_its_own_offset()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        var log = harness.Log;
        var offsets = await Task.WhenAll(Enumerable.Range(0, 16).Select(writer => Task.Run(async () =>
        {
            var mine = new List<long>();
            for (var i = 0; i < 100; i++)
            {
                var result = log.AppendAsLeader(LogHarness.Batch(1, $"w{writer} {i} "), 0);
                await log.WhenFlushedAsync(result.NextOffset);
                Assert.True(log.FlushedOffset >= result.NextOffset);
                mine.Add(result.BaseOffsets[0]);
            }

            return mine;
        }))).WaitAsync(TimeSpan.FromSeconds(60));
        var records = harness.ReadAll();
        Assert.Equal(Enumerable.Range(0, 1600).Select(offset => (long)offset), offsets.SelectMany(mine => mine).Order());
        for (var writer = 0; writer < 16; writer++)
            for (var i = 0; i < 100; i++) Assert.Equal($"w{writer} {i} 0", records[offsets[writer][i]]);
    }
}
