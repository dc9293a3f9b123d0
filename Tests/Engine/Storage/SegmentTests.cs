using System.Text;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Storage;

/// <summary>Rolling, looking up, truncating and deleting.</summary>
public sealed class SegmentTests
{
    [Fact]
    public async Task A_segment_whose_file_somebody_deleted_is_damage_that_is_named()
    {
        await using var harness = await LogHarness.StartAsync(LogConfig.Default with { SegmentBytes = 300, SegmentMs = long.MaxValue });
        while (harness.Log.Segments.Count < 10) await harness.AppendDurablyAsync();
        // Few files may be open: the read of all closes the second segment's.
        Assert.Equal(harness.Log.LogEndOffset, harness.ReadAll().Count);
        var gone = harness.Log.Segments[1];
        harness.Files.DeleteFile(gone.LogPath);
        var refused = LogHarness.Refused(() => harness.Log.Read(gone.BaseOffset, 1000).Dispose());
        Assert.Equal(ErrorCode.CorruptMessage, refused.Error);
        Assert.Contains(gone.LogPath, refused.Message, StringComparison.Ordinal);
        Assert.Contains("missing", refused.Message, StringComparison.Ordinal);
        Assert.Equal(gone.BaseOffset, harness.Log.DamagedFrom);
        Assert.NotEmpty(harness.ReadAll(harness.Log.Segments[2].BaseOffset));
    }

    [Fact]
    public async Task A_log_whose_active_file_somebody_deleted_takes_nothing_more()
    {
        await using var harness = await LogHarness.StartAsync();
        await harness.AppendDurablyAsync();
        await harness.Manager.CheckpointAsync();
        Assert.Null(harness.Log.Offline);
        harness.Files.DeleteFile(harness.ActivePath);
        await harness.Manager.CheckpointAsync();
        var refused = LogHarness.Refused(() => harness.Append());
        Assert.Equal(ErrorCode.KafkaStorageError, refused.Error);
        Assert.Contains(harness.ActivePath, refused.Message, StringComparison.Ordinal);
        Assert.Contains("was deleted", refused.Message, StringComparison.Ordinal);
    }

    private static readonly LogConfig Small = LogConfig.Default with { SegmentBytes = 1000, IndexIntervalBytes = 150, SegmentMs = long.MaxValue };

    [Fact]
    public async Task A_full_segment_is_closed_and_named_after_the_next_offset()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 50; i++) harness.Append();
        Assert.All(harness.Log.Segments, segment => Assert.True(segment.SizeInBytes <= 1000));
        Assert.All(harness.Log.Segments.SkipLast(1), segment => Assert.True(segment.SizeInBytes > 900));
        foreach (var segment in harness.Log.Segments)
        {
            Assert.Equal($"{segment.BaseOffset:D20}.log", Path.GetFileName(segment.LogPath));
            using var read = harness.Log.Read(segment.BaseOffset, 1);
            Assert.Equal(segment.BaseOffset, LogHarness.Decode(read.Memory)[0].Offset);
        }
    }

    [Fact]
    public async Task An_append_larger_than_what_is_left_is_split_between_segments_at_batches()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        var batches = Enumerable.Range(0, 40).SelectMany(i => LogHarness.Batch(1, $"b{i}-")).ToArray();
        var result = harness.Log.AppendAsLeader(batches, 0);
        Assert.Equal(Enumerable.Range(0, 40).Select(i => (long)i), result.BaseOffsets);
        Assert.True(harness.Log.Segments.Count > 2);
        Assert.Equal(40, harness.ReadAll().Count);
    }

    [Fact]
    public async Task The_number_of_open_files_does_not_grow_with_that_of_segments()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 200; i++) await harness.AppendDurablyAsync();
        Assert.True(harness.Log.Segments.Count > 10);
        for (var round = 0; round < 2; round++)
        {
            Assert.Equal(200, harness.ReadAll().Count);
            Assert.NotNull(harness.Log.MaxTimestamp());
            Assert.InRange(harness.Files.OpenLogFiles, 1, 3 + 1);
            await harness.RestartAsync();
            Assert.InRange(harness.Files.OpenLogFiles, 0, 1);
        }
    }

    [Fact]
    public async Task Segments_are_closed_by_age()
    {
        await using var harness = await LogHarness.StartAsync(LogConfig.Default with { SegmentMs = 1000 });
        var now = harness.Clock.NowMs;
        harness.Append(timestampMs: now);
        harness.Append(timestampMs: now + 1000);
        Assert.Single(harness.Log.Segments);
        harness.Append(timestampMs: now + 1001);
        Assert.Equal([0L, 2L], harness.Log.Segments.Select(segment => segment.BaseOffset));
        await harness.RestartAsync();
        harness.Append(timestampMs: now + 2001);
        Assert.Equal(2, harness.Log.Segments.Count);
        harness.Append(timestampMs: now + 2002);
        Assert.Equal(3, harness.Log.Segments.Count);
    }

    [Fact]
    public async Task A_segment_is_closed_when_an_index_is_full()
    {
        await using var harness = await LogHarness.StartAsync(Small with { SegmentBytes = 1 << 20, IndexIntervalBytes = 0, SegmentIndexBytes = 80 });
        for (var i = 0; i < 40; i++) harness.Append(timestampMs: 1000 + i);
        Assert.True(harness.Log.Segments.Count > 3);
        await harness.RestartAsync();
        foreach (var segment in harness.Log.Segments)
        {
            Assert.True(harness.FileLength(Path.ChangeExtension(segment.LogPath, ".index")) <= 80);
            Assert.True(harness.FileLength(Path.ChangeExtension(segment.LogPath, ".timeindex")) <= 80);
        }
    }

    [Fact]
    public async Task A_segment_is_closed_before_its_relative_offsets_overflow()
    {
        await using var harness = await LogHarness.StartAsync();
        harness.Append();
        var far = LogHarness.Batch();
        RecordBatch.SetBaseOffset(far, 1L + int.MaxValue);
        harness.Log.AppendAsFollower(far);
        Assert.Equal([0L, 1L + int.MaxValue], harness.Log.Segments.Select(segment => segment.BaseOffset));
        Assert.Equal([0L, 1L + int.MaxValue], harness.ReadAll().Keys);
    }

    [Fact]
    public async Task Indexes_have_Kafkas_layout()
    {
        await using var harness = await LogHarness.StartAsync(Small with { IndexIntervalBytes = 0, SegmentBytes = 1 << 20 });
        var size = LogHarness.Batch(2).Length;
        for (var i = 0; i < 3; i++) harness.Append(2, timestampMs: 0x0A00 + (i * 16));
        await harness.Manager.CloseLogAsync(LogHarness.Partition);
        var log = Path.Combine(harness.LogDirectory, "00000000000000000000.log");
        Assert.Equal($"00000003{size:X8}00000005{2 * size:X8}", Convert.ToHexString(harness.Disk.ReadAllBytes(Path.ChangeExtension(log, ".index"))));
        Assert.Equal(
            "0000000000000A1100000003" + "0000000000000A2100000005",
            Convert.ToHexString(harness.Disk.ReadAllBytes(Path.ChangeExtension(log, ".timeindex"))));
    }

    [Fact]
    public async Task The_metadata_file_has_Kafkas_form()
    {
        await using var harness = await LogHarness.StartAsync();
        var text = Encoding.ASCII.GetString(harness.Disk.ReadAllBytes(Path.Combine(harness.LogDirectory, "partition.metadata")));
        Assert.Equal("version: 0\ntopic_id: ESIzRFVmd4iZqrvM3e7_AA", text);
    }

    [Fact]
    public async Task Records_are_found_by_time()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        // Times rise, but not for every record: batches overlap.
        var times = new List<long>();
        var random = new Random(5);
        for (var i = 0; i < 60; i++)
        {
            var time = 10_000 + (i * 100) + random.Next(-300, 300);
            harness.Append(3, timestampMs: time);
            times.AddRange([time, time + 1, time + 2]);
        }

        for (var round = 0; round < 2; round++)
        {
            for (var time = 9_000L; time < 17_000; time += 37)
            {
                var expected = times.FindIndex(candidate => candidate >= time);
                var found = harness.Log.LookupByTimestamp(time);
                Assert.Equal(expected < 0 ? null : new TimestampOffset(times[expected], expected), found);
            }

            Assert.Equal(times.Max(), harness.Log.MaxTimestamp()!.Value.TimestampMs);
            Assert.Equal(times.IndexOf(times.Max()), harness.Log.MaxTimestamp()!.Value.Offset);
            var bound = 3 * random.Next(1, (times.Count / 3) + 1);
            var below = times[..bound];
            Assert.Equal(
                (below.Max(), below.IndexOf(below.Max())),
                harness.Log.MaxTimestamp(() => bound) is { } largest ? (largest.TimestampMs, largest.Offset) : default);
            Assert.Null(harness.Log.LookupByTimestamp(times.Max(), () => times.IndexOf(times.Max())));
            await harness.RestartAsync();
        }
    }

    [Fact]
    public async Task The_youngest_record_is_found_wherever_the_log_begins_and_is_committed_to()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        var times = new List<long>();
        var random = new Random(7);
        for (var i = 0; i < 60; i++)
        {
            // Later records are often older.
            var time = 10_000 + random.Next(-3000, 3000);
            harness.Append(3, timestampMs: time);
            times.AddRange([time, time + 1, time + 2]);
        }

        for (var start = 0; start < times.Count; start += random.Next(1, 8))
        {
            harness.Log.DeleteRecordsBefore(start);
            for (var bound = (start / 3 * 3) + 3; bound <= times.Count; bound += 3)
            {
                var largest = times[start..bound].Max();
                Assert.Equal(new TimestampOffset(largest, times.IndexOf(largest, start)), harness.Log.MaxTimestamp(() => bound));
            }

            if (random.Next(8) == 0) await harness.RestartAsync();
        }
    }

    [Theory]
    [InlineData(5)]
    [InlineData(200)] // the youngest of all is not committed
    public async Task The_youngest_record_that_can_be_read_is_found_though_one_that_is_younger_is_damaged(long last)
    {
        await using var harness = await LogHarness.StartAsync();
        foreach (var time in (long[])[99, 100, 10, last]) harness.Append(1, value: new string('v', 5000), timestampMs: time);
        var segment = harness.Log.Segments[0];
        harness.Disk.FlipBit(segment.LogPath, segment.SizeInBytes / 4 * 2 - 100, 3);
        Assert.Equal(new TimestampOffset(99, 0), harness.Log.MaxTimestamp(() => 3));
    }

    [Fact]
    public async Task The_youngest_committed_record_is_found_without_reading_the_segment()
    {
        await using var harness = await LogHarness.StartAsync();
        const int Batches = 2000;
        for (var i = 0; i < Batches; i++) harness.Append(1, value: new string('v', 1000), timestampMs: 10_000 + i);
        Assert.Single(harness.Log.Segments);
        var before = harness.Disk.BytesRead;
        Assert.Equal(new TimestampOffset(10_000 + Batches - 2, Batches - 2), harness.Log.MaxTimestamp(() => Batches - 1));
        Assert.InRange(harness.Disk.BytesRead - before, 1, harness.Log.SizeInBytes / 4);
    }

    [Fact]
    public async Task Epochs_are_kept_in_Kafkas_file_and_tell_where_they_end()
    {
        await using var harness = await LogHarness.StartAsync();
        harness.Append(10, leaderEpoch: 0);
        harness.Append(5, leaderEpoch: 2);
        harness.Append(5, leaderEpoch: 2);
        harness.Append(5, leaderEpoch: 5);
        harness.Log.AssignEpochStart(7, 25);
        var path = Path.Combine(harness.LogDirectory, "leader-epoch-checkpoint");
        Assert.Equal("0\n4\n0 0\n2 10\n5 20\n7 25\n", Encoding.ASCII.GetString(harness.Disk.ReadAllBytes(path)));
        Assert.Equal(new EpochEnd(0, 10), harness.Log.EndOffsetForEpoch(0));
        Assert.Equal(new EpochEnd(0, 10), harness.Log.EndOffsetForEpoch(1));
        Assert.Equal(new EpochEnd(2, 20), harness.Log.EndOffsetForEpoch(4));
        Assert.Equal(new EpochEnd(7, 25), harness.Log.EndOffsetForEpoch(7));
        Assert.Equal(EpochEnd.Unknown, harness.Log.EndOffsetForEpoch(8));
        harness.Log.TruncateTo(15);
        Assert.Equal(2, harness.Log.LatestEpoch);
        await harness.RestartAsync(() => harness.Disk.DeleteFile(path));
        Assert.Equal(new EpochEnd(0, 10), harness.Log.EndOffsetForEpoch(0));
        Assert.Equal(new EpochEnd(2, 15), harness.Log.EndOffsetForEpoch(2));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(17)]
    [InlineData(59)]
    [InlineData(60)]
    public async Task Truncation_removes_everything_from_the_offset_on_for_good(int offset)
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 60; i++) harness.Append(1, $"old {i} ");
        await harness.Log.WhenFlushedAsync(60);
        harness.Log.TruncateTo(offset);
        Assert.Equal(offset, harness.Log.LogEndOffset);
        Assert.Equal(offset, harness.Log.FlushedOffset);
        harness.Append(1, "new");
        for (var i = 0; i < 3; i++)
        {
            var records = harness.ReadAll(maxBytes: 1);
            Assert.Equal(offset + 1, records.Count);
            Assert.Equal("new0", records[offset]);
            Assert.Equal(0, harness.Log.LookupByTimestamp(0)!.Value.Offset);
            if (i == 0) await harness.CrashAsync(CrashKind.KeepAll);
            else await harness.RestartAsync();
        }
    }

    [Fact]
    public async Task Truncation_into_a_batch_removes_the_whole_batch()
    {
        await using var harness = await LogHarness.StartAsync();
        harness.Append(10);
        harness.Append(10);
        harness.Log.TruncateTo(15);
        Assert.Equal(10, harness.Log.LogEndOffset);
    }

    [Fact]
    public async Task Who_waits_for_truncated_records_is_told()
    {
        await using var harness = await LogHarness.StartAsync();
        await harness.AppendDurablyAsync();
        using var gate = harness.Files.HoldFlushes();
        var wait = harness.Log.WhenFlushedAsync(harness.Append().NextOffset).AsTask();
        await gate.Reached;
        var truncation = Task.Run(() => harness.Log.TruncateTo(1));
        Assert.Equal(ErrorCode.NotLeaderOrFollower, (await Assert.ThrowsAsync<OrleansLogException>(() => wait)).Error);
        gate.Dispose();
        await truncation;
        harness.Append(1, "again");
        await harness.Log.WhenFlushedAsync(2).AsTask().WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_log_that_is_truncated_fully_goes_on_at_the_offset()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 60; i++) harness.Append();
        harness.Log.TruncateFullyAndStartAt(1000);
        Assert.Equal((1000L, 1000L), (harness.Log.LogStartOffset, harness.Log.LogEndOffset));
        Assert.Equal([1000L], harness.Append().BaseOffsets);
        await harness.Log.WhenFlushedAsync(1001);
        await harness.CrashAsync(CrashKind.ForgetAll);
        Assert.Equal([1000L], harness.ReadAll().Keys);
    }

    [Fact]
    public async Task Deleted_records_stay_deleted()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 60; i++) await harness.AppendDurablyAsync();
        Assert.Equal(25, harness.Log.DeleteRecordsBefore(25));
        Assert.Equal(25, harness.Log.DeleteRecordsBefore(20));
        Assert.Equal(25, harness.Log.LogStartOffset);
        Assert.True(harness.Log.Segments[1].BaseOffset > 25);
        Assert.Equal(ErrorCode.OffsetOutOfRange, LogHarness.Refused(() => harness.Log.Read(24, 100)).Error);
        Assert.Equal(ErrorCode.OffsetOutOfRange, LogHarness.Refused(() => harness.Log.DeleteRecordsBefore(61)).Error);
        await harness.CrashAsync(CrashKind.ForgetAll);
        Assert.Equal(25, harness.Log.LogStartOffset);
        Assert.Equal(35, harness.ReadAll().Count);
        harness.Log.DeleteRecordsBefore(60);
        Assert.Equal(0, harness.Log.SizeInBytes);
        await harness.RestartAsync();
        Assert.Equal((60L, 60L), (harness.Log.LogStartOffset, harness.Log.LogEndOffset));
    }

    [Fact]
    public async Task Old_segments_are_deleted_as_told_and_never_beyond_the_limit()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 60; i++) await harness.AppendDurablyAsync();
        var bases = harness.Log.Segments.Select(segment => segment.BaseOffset).ToList();
        var gone = harness.Log.Segments[0].LogPath;
        Assert.Equal(0, harness.Log.DeleteOldSegments(upToOffset: bases[1] - 1, (_, _) => true));
        Assert.Equal(2, harness.Log.DeleteOldSegments(60, (segment, _) => segment.BaseOffset < bases[2]));
        Assert.Equal(bases[2], harness.Log.LogStartOffset);
        Assert.False(harness.Disk.FileExists(gone));
        harness.Log.DeleteOldSegments(60, (_, _) => true);
        Assert.Equal((60L, 60L), (harness.Log.LogStartOffset, harness.Log.LogEndOffset));
        Assert.Equal([60L], harness.Append().BaseOffsets);
        await harness.CrashAsync(CrashKind.KeepAll);
        Assert.Equal([60L], harness.ReadAll().Keys);
    }

    [Fact]
    public async Task A_deleted_log_is_gone_and_may_be_made_again()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        await harness.AppendDurablyAsync(5);
        var old = harness.Log;
        await harness.Manager.DeleteLogAsync(LogHarness.Partition);
        Assert.DoesNotContain(LogHarness.Partition, harness.Manager.PartitionsOnDisk);
        Assert.Equal(ErrorCode.NotLeaderOrFollower, LogHarness.Refused(() => old.Read(0, 100)).Error);
        Assert.Empty(harness.Disk.ListDirectories(LogHarness.DataDirectory));
        var log = await harness.Manager.OpenLogAsync(LogHarness.Partition, Guid.NewGuid(), Small);
        Assert.Equal(0, log.LogEndOffset);
        Assert.True(log.Recovery.IsNew);
    }
}
