using Microsoft.Extensions.Logging.Abstractions;
using OrleansLog.Engine.Storage;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Storage;

/// <summary>Stops, orderly and not, and what the disk may have done meanwhile.</summary>
public sealed class RecoveryTests
{
    private static readonly LogConfig Small = LogConfig.Default with
    {
        SegmentBytes = 1000, IndexIntervalBytes = 200, SegmentMs = long.MaxValue, FlushMessages = long.MaxValue,
    };

    [Fact]
    public async Task After_a_clean_stop_nothing_is_checked_beyond_the_last_index_entry()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 100; i++) harness.Append(1, $"value {i} ");
        var before = harness.ReadAll();
        await harness.RestartAsync();
        Assert.True(harness.Log.Recovery.CleanShutdown);
        Assert.False(harness.Log.Recovery.HasFindings, harness.Log.Recovery.ToString());
        Assert.True(harness.Log.Recovery.BytesScanned < 500);
        Assert.Equal(before, harness.ReadAll());
        Assert.Equal(100, harness.Log.LogEndOffset);
        Assert.Equal([100L], harness.Append().BaseOffsets);
    }

    [Fact]
    public async Task After_a_kill_everything_written_is_there()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 100; i++) harness.Append(1, $"value {i} ");
        var before = harness.ReadAll();
        await harness.CrashAsync(CrashKind.KeepAll);
        Assert.False(harness.Log.Recovery.CleanShutdown);
        Assert.Equal(0, harness.Log.Recovery.BytesCut);
        Assert.Equal(before, harness.ReadAll());
        Assert.Equal([100L], harness.Append().BaseOffsets);
    }

    [Fact]
    public async Task Recovery_begins_at_the_recovery_point()
    {
        await using var harness = await LogHarness.StartAsync(LogConfig.Default with { IndexIntervalBytes = 1000 });
        // Enough that the indexes are written along with the recovery point.
        for (var i = 0; i < 70; i++) await harness.AppendDurablyAsync(1, new string('x', 500_000));
        await harness.Manager.CheckpointAsync();
        await harness.AppendDurablyAsync(1, "late");
        await harness.CrashAsync(CrashKind.KeepAll);
        Assert.Equal(70, harness.Log.Recovery.RecoveryPoint);
        Assert.True(harness.Log.Recovery.BytesScanned < 2_000_000, harness.Log.Recovery.ToString());
        Assert.Equal(71, harness.Log.LogEndOffset);
    }

    [Fact]
    public async Task A_checkpoint_that_comes_late_leaves_the_files_to_the_next_process()
    {
        var (files, clock) = (new FaultyFileSystem(), new FakeClock());
        files.CreateDirectory("/data");
        using SemaphoreSlim begun = new(0), mayEnd = new(0);
        ILogOwner owner = new LogCheckpoints(files, "/data", TimeSpan.FromSeconds(5), clock, NullLogger.Instance, () =>
        {
            begun.Release();
            mayEnd.Wait();
            return [];
        });
        owner.OnFlushed(null!);
        var late = Task.Run(() => clock.Advance(5000));
        Assert.True(await begun.WaitAsync(TimeSpan.FromSeconds(30)));
        ((LogCheckpoints)owner).Stop();
        var written = files.OperationCount;
        Assert.True(written > 0);
        mayEnd.Release();
        await late;
        Assert.Equal(written, files.OperationCount);
    }

    [Fact]
    public async Task A_tail_torn_at_any_byte_of_the_last_batch_is_cut_at_the_last_valid_batch()
    {
        var last = LogHarness.Batch(2, "last");
        for (var kept = 0; kept < last.Length; kept++)
        {
            await using var harness = await LogHarness.StartAsync(Small);
            harness.Append(3, "first");
            harness.Append(2, "last");
            var path = harness.ActivePath;
            var size = harness.FileLength(path);
            await harness.CrashAsync(CrashKind.KeepAll, between: () => harness.CutFile(path, size - last.Length + kept));
            Assert.Equal(["first0", "first1", "first2"], harness.ReadAll().Values);
            Assert.Equal(3, harness.Log.LogEndOffset);
            Assert.Equal(kept, harness.Log.Recovery.BytesCut);
            Assert.Equal(kept > 0, harness.Log.Recovery.CutReason is not null);
            Assert.Equal([3L], harness.Append(1, "next").BaseOffsets);
            Assert.Equal("next0", harness.ReadAll()[3]);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(60)]
    [InlineData(61)]
    [InlineData(4096)]
    [InlineData(2_000_000)]
    public async Task A_zero_filled_tail_is_cut(int zeros)
    {
        foreach (var isClean in new[] { true, false })
        {
            await using var harness = await LogHarness.StartAsync(LogConfig.Default);
            await harness.AppendDurablyAsync(5);
            var path = harness.ActivePath;
            void Extend() => harness.ExtendFile(path, new byte[zeros]);
            if (isClean) await harness.RestartAsync(Extend);
            else await harness.CrashAsync(CrashKind.KeepAll, between: Extend);
            Assert.Equal(5, harness.Log.LogEndOffset);
            Assert.Equal(zeros, harness.Log.Recovery.BytesCut);
            Assert.Empty(harness.Log.CorruptRegions);
            Assert.Equal([5L], harness.Append().BaseOffsets);
            Assert.Equal(6, harness.ReadAll().Count);
        }
    }

    [Fact]
    public async Task A_flipped_bit_behind_the_recovery_point_cuts_there()
    {
        var batch = LogHarness.Batch(2, "b");
        for (var at = 0; at < batch.Length; at++)
        {
            await using var harness = await LogHarness.StartAsync(Small);
            harness.Append(3, "a");
            harness.Append(2, "b");
            harness.Append(2, "c");
            var path = harness.ActivePath;
            var position = LogHarness.Batch(3, "a").Length + at;
            await harness.CrashAsync(CrashKind.KeepAll, between: () => harness.Disk.FlipBit(path, position, at % 8));
            // The leader epoch is the one field that neither the CRC nor the neighbours cover.
            if (at is >= 12 and < 16) continue;
            Assert.Equal(["a0", "a1", "a2"], harness.ReadAll().Values);
            Assert.True(harness.Log.Recovery.BytesCut > 0);
            Assert.Equal([3L], harness.Append().BaseOffsets);
        }
    }

    [Fact]
    public async Task A_flipped_bit_in_what_was_durable_is_never_served_and_costs_no_other_batch()
    {
        var first = LogHarness.Batch(3, "a").Length;
        var batch = LogHarness.Batch(2, "b");
        for (var at = 0; at < batch.Length; at++)
        {
            if (at is >= 12 and < 16) continue;
            foreach (var isClean in new[] { true, false })
            {
                await using var harness = await LogHarness.StartAsync(Small);
                harness.Append(3, "a");
                harness.Append(2, "b");
                await harness.AppendDurablyAsync(2, "c");
                var path = harness.ActivePath;
                await harness.Manager.CheckpointAsync();
                void Flip() => harness.Disk.FlipBit(path, first + at, at % 8);
                if (isClean) await harness.RestartAsync(Flip);
                else await harness.CrashAsync(CrashKind.KeepAll, between: Flip);
                Assert.Equal(7, harness.Log.LogEndOffset);
                harness.AssertDamaged(from: 3, next: 5);
                Assert.Equal(["c0", "c1"], harness.ReadAll(5).Values);
                using var before = harness.Log.Read(0, 1 << 20);
                Assert.Equal(["a0", "a1", "a2"], LogHarness.Decode(before.Memory).Select(record => record.Value));
                Assert.Equal([7L], harness.Append().BaseOffsets);
            }
        }
    }

    [Fact]
    public async Task A_closed_segment_that_was_cut_between_two_batches_is_found_at_the_start_and_what_it_lacks_is_refused()
    {
        var size = LogHarness.Batch(2, "value ").Length;
        for (var kept = 0; kept < 5; kept++)
        {
            await using var harness = await LogHarness.StartAsync(Small);
            for (var i = 0; i < 80; i++) await harness.AppendDurablyAsync(2, "value ");
            var segments = harness.Log.Segments;
            var (path, first, next) = (segments[1].LogPath, segments[1].BaseOffset, segments[2].BaseOffset);
            Assert.True(segments[1].SizeInBytes > 5 * size && segments.Count > 4);
            var before = harness.ReadAll();
            await harness.RestartAsync(() => harness.CutFile(path, kept * size));
            var region = Assert.Single(harness.Log.Recovery.CorruptRegions);
            var missingFrom = first + (2 * kept);
            Assert.Equal((missingFrom, next), (region.FirstOffset, region.NextOffset));
            Assert.Equal(missingFrom, harness.Log.DamagedFrom);
            harness.AssertDamaged(missingFrom, next);
            Assert.Equal(160, harness.Log.LogEndOffset);
            Assert.Equal(before.Where(record => record.Key >= next), harness.ReadAll(next));
            // It stays so, and nothing else is touched.
            await harness.CrashAsync(CrashKind.KeepAll);
            harness.AssertDamaged(missingFrom, next);
            Assert.Equal([160L], harness.Append(1, "next").BaseOffsets);
        }
    }

    [Fact]
    public async Task An_index_that_points_behind_the_end_of_a_segment_that_has_all_its_offsets_is_no_cut()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 40; i++) await harness.AppendDurablyAsync(2, "value ");
        var before = harness.ReadAll();
        var segment = harness.Log.Segments[1];
        var (index, last, size) = (segment.Offsets.FilePath, segment.LimitOffset - 1 - segment.BaseOffset, segment.SizeInBytes);
        var entry = new byte[8];
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(entry, (int)last);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(entry.AsSpan(4), size + 100);
        await harness.RestartAsync(() => harness.ExtendFile(index, entry));
        Assert.Empty(harness.Log.Recovery.CorruptRegions);
        Assert.Equal(before, harness.ReadAll());
    }

    [Fact]
    public async Task A_closed_segments_index_ends_with_its_last_batch_also_when_it_was_closed_again_after_a_truncation()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 40; i++) await harness.AppendDurablyAsync(2, "value ");
        harness.Log.TruncateTo(harness.Log.Segments[2].BaseOffset - 2);
        for (var i = 0; i < 40; i++) await harness.AppendDurablyAsync(1, "another ");
        var before = harness.ReadAll();
        await harness.RestartAsync();
        Assert.False(harness.Log.Recovery.HasFindings, harness.Log.Recovery.ToString());
        Assert.Equal(before, harness.ReadAll());
        for (var i = 0; i < harness.Log.Segments.Count - 1; i++)
        {
            var segment = harness.Log.Segments[i];
            Assert.Equal(segment.LimitOffset - 1, segment.BaseOffset + segment.Offsets.ReadLast()!.Value.RelativeOffset);
        }
    }

    [Fact]
    public async Task A_damaged_last_batch_that_was_durable_keeps_its_offsets()
    {
        var last = LogHarness.Batch(2, "last").Length;
        for (var lost = 1; lost < last; lost += 7)
        {
            await using var harness = await LogHarness.StartAsync(Small);
            harness.Append(3, "first");
            await harness.AppendDurablyAsync(2, "last");
            var path = harness.ActivePath;
            var size = harness.FileLength(path);
            await harness.RestartAsync(() => harness.CutFile(path, size - lost));
            Assert.Equal(5, harness.Log.LogEndOffset);
            harness.AssertDamaged(from: 3, next: 5);
            Assert.Single(harness.Log.Recovery.CorruptRegions);
            // Offsets never repeat: readers may have seen 3 and 4.
            Assert.Equal([5L], harness.Append(1, "next").BaseOffsets);
            Assert.Equal("next0", harness.ReadAll(5)[5]);
            await harness.RestartAsync();
            Assert.Equal("next0", harness.ReadAll(5)[5]);
            harness.AssertDamaged(from: 3, next: 5);
        }
    }

    [Fact]
    public async Task Every_bit_of_an_index_may_be_wrong_and_reads_are_right()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 60; i++) harness.Append(1, $"value {i} ", timestampMs: 1000 + (i * 10));
        var expected = harness.ReadAll();
        Assert.True(harness.Log.Segments.Count > 3);
        await harness.Manager.DisposeAsync();
        await harness.OpenAsync();
        foreach (var suffix in new[] { ".index", ".timeindex" })
        {
            foreach (var segment in new[] { harness.Log.Segments[1], harness.Log.Segments[^1] }.Select(segment => segment.LogPath).ToList())
            {
                var path = Path.ChangeExtension(segment, suffix);
                var content = harness.Disk.ReadAllBytes(path);
                Assert.NotEmpty(content);
                for (var at = 0; at < content.Length; at++)
                {
                    var flipped = content.ToArray();
                    flipped[at] ^= (byte)(1 << (at % 8));
                    await harness.RestartAsync(() => harness.Disk.WriteAllBytesDurably(path, flipped));
                    for (var offset = 0; offset < 60; offset += 7)
                    {
                        using var read = harness.Log.Read(offset, 1);
                        Assert.Equal((offset, expected[offset]), LogHarness.Decode(read.Memory)[0]);
                        Assert.Equal(offset, harness.Log.LookupByTimestamp(1000 + (offset * 10))!.Value.Offset);
                    }
                }
            }
        }
    }

    [Fact]
    public async Task Missing_and_torn_indexes_are_made_anew()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 60; i++) harness.Append(1, $"value {i} ", timestampMs: 1000 + (i * 10));
        var expected = harness.ReadAll();
        foreach (var suffix in new[] { ".index", ".timeindex" })
        {
            foreach (var isTorn in new[] { false, true })
            {
                var paths = harness.Log.Segments.Select(segment => Path.ChangeExtension(segment.LogPath, suffix)).ToList();
                await harness.RestartAsync(() =>
                {
                    foreach (var path in paths)
                    {
                        if (isTorn) harness.CutFile(path, harness.FileLength(path) - 3);
                        else harness.Disk.DeleteFile(path);
                    }
                });
                Assert.NotEmpty(harness.Log.Recovery.IndexesRebuilt);
                Assert.Equal(expected, harness.ReadAll(maxBytes: 1));
                Assert.Equal(30, harness.Log.LookupByTimestamp(1300)!.Value.Offset);
            }
        }
    }

    [Fact]
    public async Task A_recovery_point_that_is_too_low_costs_time_only()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 50; i++) await harness.AppendDurablyAsync();
        await harness.RestartAsync(() => harness.WriteRecoveryPoint(7));
        Assert.Equal(50, harness.ReadAll().Count);
        Assert.Equal(0, harness.Log.Recovery.BytesCut);
    }

    [Theory]
    [InlineData(51)]
    [InlineData(1_000_000_000_000)]
    public async Task A_recovery_point_beyond_the_end_is_reported_and_not_believed(long recoveryPoint)
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 50; i++) await harness.AppendDurablyAsync();
        await harness.RestartAsync(() => harness.WriteRecoveryPoint(recoveryPoint));
        Assert.Equal(50, harness.ReadAll().Count);
        Assert.Equal(50, harness.Log.LogEndOffset);
        Assert.Contains($"{recoveryPoint}", Assert.Single(harness.Log.Recovery.Notes), StringComparison.Ordinal);
        // What comes next is judged by a recovery point that is right again.
        harness.Append(1, "torn");
        var path = harness.ActivePath;
        var size = harness.FileLength(path);
        await harness.CrashAsync(CrashKind.KeepAll, between: () => harness.CutFile(path, size - 1));
        Assert.Equal(50, harness.Log.LogEndOffset);
        Assert.Empty(harness.Log.CorruptRegions);
    }

    [Theory]
    [InlineData("recovery-point-offset-checkpoint")]
    [InlineData("log-start-offset-checkpoint")]
    public async Task A_damaged_checkpoint_file_loses_nothing(string name)
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 50; i++) await harness.AppendDurablyAsync();
        await harness.RestartAsync(() => harness.Disk.WriteAllBytesDurably(Path.Combine(LogHarness.DataDirectory, name), "0\n1\ngarbage"u8));
        Assert.Equal(50, harness.ReadAll().Count);
        Assert.Equal(0, harness.Log.LogStartOffset);
    }

    [Fact]
    public async Task A_log_start_offset_beyond_the_end_is_not_believed()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 50; i++) await harness.AppendDurablyAsync();
        await harness.RestartAsync(() => harness.WriteCheckpoint("log-start-offset-checkpoint", 51));
        Assert.Equal(50, harness.ReadAll().Count);
        Assert.NotEmpty(harness.Log.Recovery.Notes);
    }

    [Fact]
    public async Task Segments_behind_a_torn_one_that_was_never_flushed_are_removed()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 60; i++) harness.Append(1, $"value {i} ");
        var torn = harness.Log.Segments[1];
        var path = torn.LogPath;
        await harness.CrashAsync(CrashKind.KeepAll, between: () => harness.CutFile(path, harness.FileLength(path) - 1));
        Assert.Equal(2, harness.Log.Segments.Count);
        Assert.Equal(harness.Log.LogEndOffset, harness.ReadAll().Count);
        Assert.True(harness.Log.Recovery.BytesCut > 1000);
        Assert.Equal(harness.ReadAll().Count, harness.Append().BaseOffsets[0]);
        Assert.Equal(harness.Log.LogEndOffset, harness.ReadAll().Count);
    }

    [Fact]
    public async Task Leftovers_of_a_crash_are_tidied_up()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var i = 0; i < 60; i++) harness.Append(1, $"value {i} ");
        var directory = harness.LogDirectory;
        string[] leftovers =
        [
            "00000000000000000000.log.cleaned", "00000000000000000000.index.cleaned", "00000000000000000005.log.deleted",
            "00000000000000000777.index", "00000000000000000778.timeindex", "00000000000000000000.index.swap", "leader-epoch-checkpoint.tmp",
        ];
        var before = harness.ReadAll();
        await harness.RestartAsync(() =>
        {
            foreach (var name in leftovers) harness.Disk.WriteAllBytesDurably(Path.Combine(directory, name), "rubbish"u8);
            harness.Disk.CreateDirectory("/data/old-0.0123456789abcdef-delete");
        });
        foreach (var name in leftovers) Assert.False(harness.Disk.FileExists(Path.Combine(directory, name)), name);
        Assert.False(harness.Disk.DirectoryExists("/data/old-0.0123456789abcdef-delete"));
        Assert.Equal(before, harness.ReadAll());
    }

    [Fact]
    public async Task The_directory_of_another_topic_of_the_same_name_is_refused()
    {
        await using var harness = await LogHarness.StartAsync();
        var other = await Assert.ThrowsAsync<OrleansLog.Records.OrleansLogException>(
            async () => await harness.Manager.OpenLogAsync(LogHarness.Partition, Guid.NewGuid(), harness.Config));
        Assert.Equal(OrleansLog.Records.ErrorCode.InconsistentTopicId, other.Error);
        await harness.Manager.CloseLogAsync(LogHarness.Partition);
        other = await Assert.ThrowsAsync<OrleansLog.Records.OrleansLogException>(
            async () => await harness.Manager.OpenLogAsync(LogHarness.Partition, Guid.NewGuid(), harness.Config));
        Assert.Equal(OrleansLog.Records.ErrorCode.InconsistentTopicId, other.Error);
    }
}
