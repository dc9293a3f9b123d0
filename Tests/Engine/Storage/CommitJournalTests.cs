using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Storage;

/// <summary>Logs that become durable together, by the commit journal: what was acknowledged is there after any crash, and nothing else.</summary>
public sealed class CommitJournalTests : IAsyncDisposable
{
    private const int JournalBytes = 64 * 1024;
    private const int LargeJournalBytes = 32 * 1024 * 1024;
    private readonly JournalHarness _logs = new(new FaultyFileSystem(seed: 1), JournalBytes);

    public ValueTask DisposeAsync() => _logs.DisposeAsync();

    [Fact]
    public async Task Logs_that_wait_at_the_same_time_are_flushed_by_one_fsync_of_the_journal()
    {
        await StartAsync();
        var (before, journal) = (_logs.Disk.FlushCount, _logs.JournalFlushes);
        await _logs.CommitTogetherAsync((0, "a"), (1, "b"), (2, "c"));
        Assert.Equal(journal + 1, _logs.JournalFlushes);
        Assert.Equal(before + 2, _logs.Disk.FlushCount); // the journal's, and that of the log that was flushed meanwhile
        for (var log = 0; log < 3; log++) Assert.Equal(_logs[log].LogEndOffset, _logs[log].FlushedOffset);
    }

    [Fact]
    public async Task Large_batches_are_flushed_together_too_but_not_the_largest()
    {
        await using var logs = await JournalHarness.StartAsync(seed: 3, LargeJournalBytes);
        var (before, journal) = (logs.Disk.FlushCount, logs.JournalFlushes);
        await logs.CommitTogetherAsync((0, Large('a', 128 * 1024)), (1, Large('b', 500 * 1024)), (2, Large('c', 600 * 1024)));
        Assert.Equal(journal + 1, logs.JournalFlushes);
        Assert.Equal(before + 3, logs.Disk.FlushCount); // the journal's, that of the largest, and that of the log that was flushed meanwhile
        var expected = Enumerable.Range(0, 3).Select(logs.Read).ToArray();
        await logs.CrashAsync(CrashKind.ForgetAll);
        for (var log = 0; log < 3; log++) Assert.Equal(expected[log], logs.Read(log));
    }

    [Fact]
    public async Task More_than_has_room_in_one_round_takes_two()
    {
        await using var logs = new JournalHarness(new FaultyFileSystem(seed: 4), LargeJournalBytes, count: 8);
        await logs.OpenAsync();
        await logs.PrepareAsync();
        var (before, journal) = (logs.Disk.FlushCount, logs.JournalFlushes);
        await logs.CommitTogetherAsync([.. Enumerable.Range(0, 7).Select(static log => (log, Large('a', 400 * 1024)))]);
        Assert.Equal(journal + 2, logs.JournalFlushes);
        Assert.Equal(before + 3, logs.Disk.FlushCount);
    }

    [Fact]
    public async Task On_a_slow_disk_large_batches_do_not_go_through_the_journal()
    {
        await using var logs = await JournalHarness.StartAsync(seed: 5, LargeJournalBytes);
        logs.JournalTakes = TimeSpan.FromMilliseconds(10);
        for (var round = 0; round < 6; round++) await logs.CommitTogetherAsync((0, Large('a', 400 * 1024)), (1, Large('b', 400 * 1024)));
        var journal = logs.JournalFlushes;
        await logs.CommitTogetherAsync((0, Large('a', 100 * 1024)), (1, Large('b', 100 * 1024)));
        Assert.Equal(journal, logs.JournalFlushes);
        await logs.CommitTogetherAsync((0, "a"), (1, "b"));
        Assert.Equal(journal + 1, logs.JournalFlushes);
    }

    [Theory]
    [InlineData(CrashKind.ForgetAll)]
    [InlineData(CrashKind.Torn)]
    [InlineData(CrashKind.KeepAll)]
    public async Task What_is_durable_by_the_journal_alone_outlives_a_crash(CrashKind kind)
    {
        await StartAsync();
        for (var round = 0; round < 20; round++)
        {
            await _logs.CommitTogetherAsync((0, $"a{round}-"), (1, $"b{round}-"), (2, $"c{round}-"));
            await _logs.CommitTogetherAsync((0, $"d{round}-"), (2, $"e{round}-"));
            var expected = Enumerable.Range(0, 3).Select(_logs.Read).ToArray();
            await _logs.CrashAsync(kind, seed: round);
            for (var log = 0; log < 3; log++) Assert.Equal(expected[log], _logs.Read(log));
            Assert.DoesNotContain(JournalHarness.JournalPaths, _logs.Disk.FileExists);
            await _logs.PrepareAsync();
        }
    }

    [Fact]
    public async Task A_crash_while_the_journal_is_being_replayed_loses_nothing()
    {
        for (var operation = 1; ; operation++)
        {
            await using var logs = await JournalHarness.StartAsync(seed: operation, JournalBytes);
            await logs.CommitTogetherAsync((0, "a"), (1, "b"), (2, "c"));
            var expected = Enumerable.Range(0, 3).Select(logs.Read).ToArray();
            logs.Disk.Crash(CrashKind.ForgetAll);
            logs.Disk.CrashAtOperation = logs.Disk.OperationCount + operation;
            var survived = await TryOpenAsync(logs);
            await logs.CrashAsync(CrashKind.Torn, operation);
            for (var log = 0; log < 3; log++) Assert.Equal(expected[log], logs.Read(log));
            if (survived) break;
            Assert.True(operation < 200);
        }
    }

    [Fact]
    public async Task What_was_truncated_does_not_come_back_over_what_took_its_place()
    {
        await StartAsync();
        await _logs.CommitTogetherAsync((0, "old"), (1, "b"));
        var end = _logs[0].LogEndOffset;
        await _logs.CommitTogetherAsync((0, "old"), (1, "b"));
        _logs[0].TruncateTo(end - 1);
        // The first after that has an fsync of its own; what follows is in the journal alone.
        await _logs.CommitTogetherAsync((0, "new"), (1, "b"));
        await _logs.CommitTogetherAsync((0, "newer"), (1, "b"));
        var expected = (_logs.Read(0), _logs.Read(1));
        Assert.Equal(["new0", "newer0"], expected.Item1.Where(record => record.Key >= end - 1).Select(static record => record.Value));
        await _logs.CrashAsync(CrashKind.ForgetAll);
        Assert.Equal(expected.Item1, _logs.Read(0));
        Assert.Equal(expected.Item2, _logs.Read(1));
    }

    [Theory]
    [InlineData(CrashKind.ForgetAll)]
    [InlineData(CrashKind.Torn)]
    public async Task A_crash_at_any_operation_of_a_truncation_keeps_what_was_below_it(CrashKind kind)
    {
        for (var operation = 1; ; operation++)
        {
            await using var logs = await JournalHarness.StartAsync(seed: operation, JournalBytes);
            await logs.CommitTogetherAsync((0, "a"), (1, "b"));
            var kept = (logs[0].LogEndOffset, logs.Read(0), logs.Read(1));
            await logs.CommitTogetherAsync((0, "old"), (2, "c"));
            logs.Disk.CrashAtOperation = logs.Disk.OperationCount + operation;
            var isNew = false;
            try
            {
                logs[0].TruncateTo(kept.LogEndOffset);
                await logs.CommitTogetherAsync((0, "new"), (1, "d"));
                isNew = true;
            }
            catch (Exception e) when (logs.Disk.HasCrashed && e is OrleansLogException or IOException)
            {
                // As it should.
            }

            var survived = !logs.Disk.HasCrashed;
            await logs.CrashAsync(kind, operation);
            var found = logs.Read(0);
            Assert.Equal(kept.Item2, found.Where(record => record.Key < kept.LogEndOffset));
            Assert.Equal(kept.Item3, logs.Read(1).Take(kept.Item3.Count));
            if (isNew) Assert.Equal("new0", found[kept.LogEndOffset]);
            else Assert.Contains(found.GetValueOrDefault(kept.LogEndOffset), (string?[])[null, "old0", "new0"]);
            Assert.True(found.Count <= kept.Item2.Count + 1);
            if (survived) break;
            Assert.True(operation < 200);
        }
    }

    [Fact]
    public async Task A_log_that_was_deleted_and_made_again_has_nothing_of_the_old_one()
    {
        await StartAsync();
        await _logs.CommitTogetherAsync((0, "old"), (1, "b"));
        await _logs.Manager.DeleteLogAsync(JournalHarness.PartitionOf(0));
        await _logs.OpenLogAsync(0);
        await _logs.CommitTogetherAsync((0, "new"), (1, "c"));
        await _logs.CommitTogetherAsync((0, "newer"), (1, "c"));
        var other = _logs.Read(1);
        await _logs.CrashAsync(CrashKind.ForgetAll);
        Assert.Equal(["new0", "newer0"], _logs.Read(0).Values);
        Assert.Equal(other, _logs.Read(1));
    }

    [Fact]
    public async Task A_log_that_starts_anew_elsewhere_has_nothing_of_what_it_held()
    {
        await StartAsync();
        await _logs.CommitTogetherAsync((0, "old"), (1, "b"));
        _logs[0].TruncateFullyAndStartAt(0);
        await _logs.CommitTogetherAsync((0, "new"), (1, "c"));
        await _logs.CommitTogetherAsync((0, "newer"), (1, "c"));
        await _logs.CrashAsync(CrashKind.ForgetAll);
        Assert.Equal(["new0", "newer0"], _logs.Read(0).Values);
    }

    [Theory]
    [InlineData(CrashKind.ForgetAll)]
    [InlineData(CrashKind.Torn)]
    public async Task Files_that_are_full_are_used_again_once_their_logs_are_synced(CrashKind kind)
    {
        await StartAsync();
        var journal = _logs.JournalFlushes;
        // Each round takes 512 or 1,024 bytes, and there are two files of 32 KiB.
        for (var round = 0; round < 400; round++) await _logs.CommitTogetherAsync((0, $"a{round}-"), (1, $"b{round}-"), (2, $"c{round}-"));
        Assert.True(_logs.JournalFlushes - journal > 200, $"Only {_logs.JournalFlushes - journal} rounds were joint.");
        var expected = Enumerable.Range(0, 3).Select(_logs.Read).ToArray();
        await _logs.CrashAsync(kind, seed: 7);
        for (var log = 0; log < 3; log++) Assert.Equal(expected[log], _logs.Read(log));
    }

    [Fact]
    public async Task A_log_that_cannot_be_synced_keeps_its_place_in_the_journal_and_is_restored_when_it_is_opened_again()
    {
        await StartAsync();
        // Several sectors, which nothing writes again by itself.
        await _logs.CommitTogetherAsync((0, new string('a', 3000)), (1, "b"), (2, "c"));
        var expected = _logs.Read(0);
        _logs.Disk.Fail(FileOperation.Flush, FaultyFileSystem.InputOutputError, "orders-0/");
        await Assert.ThrowsAsync<OrleansLogException>(() => _logs.AppendAsync(0, "lost"));
        Assert.NotNull(_logs[0].Offline);
        for (var round = 0; round < 200; round++) await _logs.CommitTogetherAsync((1, $"b{round}-"), (2, $"c{round}-"));
        await _logs.ReopenLogAsync(0);
        Assert.Equal(expected, _logs.Read(0));
        // The file that held its place is used again.
        var journal = _logs.JournalFlushes;
        for (var began = Environment.TickCount64; _logs.JournalFlushes - journal < 200;)
        {
            Assert.True(Environment.TickCount64 - began < 30_000, $"Only {_logs.JournalFlushes - journal} rounds were joint.");
            await _logs.CommitTogetherAsync((0, "after"), (1, "x"));
        }

        expected = _logs.Read(0);
        var others = (_logs.Read(1), _logs.Read(2));
        await _logs.CrashAsync(CrashKind.ForgetAll);
        Assert.Equal(expected, _logs.Read(0));
        Assert.Equal(others.Item1, _logs.Read(1));
        Assert.Equal(others.Item2, _logs.Read(2));
    }

    [Theory]
    [InlineData(FileOperation.Write)]
    [InlineData(FileOperation.Flush)]
    public async Task When_the_journal_fails_each_log_does_its_own_fsync_and_the_journal_goes(FileOperation operation)
    {
        await StartAsync();
        await _logs.CommitTogetherAsync((0, "a"), (1, "b"));
        _logs.Disk.Fail(operation, FaultyFileSystem.InputOutputError, "commit-journal");
        await _logs.CommitTogetherAsync((0, "c"), (1, "d"));
        await _logs.CommitTogetherAsync((0, "e"), (1, "f"));
        for (var began = Environment.TickCount64; JournalHarness.JournalPaths.Any(_logs.Disk.FileExists); await Task.Delay(5))
            Assert.True(Environment.TickCount64 - began < 30_000, "The journal is still there.");
        _logs[0].TruncateTo(_logs[0].LogEndOffset - 1);
        await _logs.CommitTogetherAsync((0, "g"), (1, "h"));
        var expected = (_logs.Read(0), _logs.Read(1));
        await _logs.CrashAsync(CrashKind.ForgetAll);
        Assert.Equal(expected.Item1, _logs.Read(0));
        Assert.Equal(expected.Item2, _logs.Read(1));
    }

    [Fact]
    public async Task A_log_that_fills_a_segment_goes_on_in_the_next_one()
    {
        _logs.Config = _logs.Config with { SegmentBytes = 1024 };
        await StartAsync();
        for (var round = 0; round < 60; round++)
        {
            await _logs.CommitTogetherAsync((0, $"a{round}-"), (1, $"b{round}-"), (2, $"c{round}-"));
            if (round % 7 != 3) continue;
            var expected = Enumerable.Range(0, 3).Select(_logs.Read).ToArray();
            await _logs.CrashAsync(CrashKind.Torn, seed: round);
            for (var log = 0; log < 3; log++) Assert.Equal(expected[log], _logs.Read(log));
            await _logs.PrepareAsync();
        }

        Assert.True(_logs[0].Segments.Count > 3);
    }

    [Fact]
    public async Task An_orderly_stop_leaves_no_journal()
    {
        await StartAsync();
        await _logs.CommitTogetherAsync((0, "a"), (1, "b"));
        var expected = _logs.Read(0);
        await _logs.Manager.DisposeAsync();
        Assert.DoesNotContain(JournalHarness.JournalPaths, _logs.Disk.FileExists);
        await _logs.OpenAsync();
        Assert.Equal(expected, _logs.Read(0));
    }

    [Fact]
    public async Task A_log_that_is_alone_makes_no_journal()
    {
        await _logs.OpenAsync();
        for (var round = 0; round < 20; round++) await _logs.AppendAsync(0, $"a{round}");
        Assert.DoesNotContain(JournalHarness.JournalPaths, _logs.Disk.FileExists);
    }

    [Fact]
    public async Task Where_there_is_little_room_left_no_journal_takes_it()
    {
        _logs.Disk.Available = 8 * JournalBytes - 1;
        await _logs.OpenAsync();
        for (var round = 0; round < 20; round++)
        {
            await _logs.CommitTogetherAsync((0, "a"), (1, "b"), (2, "c"));
            await Task.Delay(5);
        }

        Assert.DoesNotContain(JournalHarness.JournalPaths, _logs.Disk.FileExists);
    }

    [Fact]
    public async Task A_round_that_was_torn_and_rounds_of_an_earlier_use_are_not_replayed()
    {
        await StartAsync();
        await _logs.CommitTogetherAsync((0, "a"), (1, "b"));
        await _logs.CommitTogetherAsync((0, "c"), (1, "d"));
        var expected = _logs.Read(0);
        _logs.Disk.Crash(CrashKind.ForgetAll);
        // The last round of the journal loses a bit; so its records are gone, and those before it are not.
        var path = JournalHarness.JournalPaths[0];
        var rounds = RoundsOf(_logs.Disk.ReadAllBytes(path));
        _logs.Disk.FlipBit(path, rounds[^1] + JournalFormat.RoundHeaderSize + 3, 2);
        await _logs.OpenAsync();
        Assert.Equal(expected.SkipLast(1), _logs.Read(0));
    }

    [Fact]
    public async Task A_whole_batch_is_never_written_over()
    {
        await StartAsync();
        await _logs.CommitTogetherAsync((0, "a"), (1, "b"));
        _logs.Disk.Crash(CrashKind.KeepAll);
        var journal = JournalHarness.JournalPaths.ToDictionary(static path => path, _logs.Disk.ReadAllBytes);
        await _logs.OpenAsync();
        _logs[0].TruncateTo(_logs[0].LogEndOffset - 1);
        await _logs.AppendAsync(0, "other");
        var expected = _logs.Read(0);
        _logs.Disk.Crash(CrashKind.KeepAll);
        // As no crash can: a journal of before.
        foreach (var (path, content) in journal) _logs.Disk.WriteAllBytesDurably(path, content);
        await _logs.OpenAsync();
        Assert.Equal(expected, _logs.Read(0));
    }

    private static List<int> RoundsOf(byte[] journal)
    {
        var rounds = new List<int>();
        for (var at = 0; JournalFormat.TryReadRound(journal.AsSpan(at), out _, out var length); at += JournalFormat.Padded(length)) rounds.Add(at);
        return rounds;
    }

    private static async Task<bool> TryOpenAsync(JournalHarness logs)
    {
        try
        {
            await logs.OpenAsync();
            return !logs.Disk.HasCrashed;
        }
        catch (Exception e) when (logs.Disk.HasCrashed && e is OrleansLogException or IOException)
        {
            return false;
        }
    }

    private async Task StartAsync()
    {
        await _logs.OpenAsync();
        await _logs.PrepareAsync();
    }

    private static string Large(char letter, int bytes) => new(letter, bytes);
}
