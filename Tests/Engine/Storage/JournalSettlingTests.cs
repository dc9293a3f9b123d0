using Microsoft.Extensions.Logging.Abstractions;
using OrleansLog.Engine.Storage;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Storage;

/// <summary>What is done for the commit journal beside its rounds, and that it is done once.</summary>
public sealed class JournalSettlingTests : IDisposable
{
    private readonly FaultyFileSystem _disk = new();
    private readonly Queued _scheduler = new();
    private readonly CommitJournal _journal;
    private readonly JournalSettling _settling;

    public JournalSettlingTests()
    {
        _disk.CreateDirectory("/data");
        _journal = new CommitJournal(_disk, "/data", 32 * 1024, TimeProvider.System, NullLogger.Instance);
        _settling = new JournalSettling(_journal, _scheduler, static _ => null, NullLogger.Instance);
    }

    public void Dispose() => _journal.Dispose();

    [Fact]
    public void However_many_logs_crowd_the_files_are_made_once_and_nothing_stays_queued()
    {
        for (var crowd = 0; crowd < 5; crowd++) _settling.Attend();
        Assert.Equal(1, _scheduler.RunAll());
        Assert.Equal(JournalState.Ready, _journal.State);
        _settling.Attend();
        Assert.Equal(0, _scheduler.RunAll());
    }

    [Fact]
    public void A_file_whose_logs_are_synced_is_free_at_once_and_nothing_stays_queued()
    {
        _settling.Attend();
        _scheduler.RunAll();
        _settling.Request(0);
        Assert.Equal(1, _scheduler.RunAll());
    }

    [Fact]
    public void Files_that_cannot_be_made_are_given_up()
    {
        _disk.Fail(FileOperation.Create, FaultyFileSystem.DiskFull, "commit-journal");
        _settling.Attend();
        Assert.Equal(1, _scheduler.RunAll());
        Assert.Equal(JournalState.Off, _journal.State);
        Assert.DoesNotContain(JournalReplay.PathsIn("/data"), _disk.FileExists);
        _settling.Attend();
        Assert.Equal(0, _scheduler.RunAll());
    }

    [Fact]
    public void A_log_that_was_closed_unsynced_keeps_its_file_and_is_asked_for_again()
    {
        _settling.Attend();
        _scheduler.RunAll();
        var log = _journal.LogOf(JournalHarness.PartitionOf(0), JournalHarness.TopicId);
        var round = new JournalRound();
        Assert.True(round.TryAdd(log, _journal.GenerationOf(log), 0, 0, 100, out _));
        Assert.True(_journal.TryCommit(round));
        _journal.NoteUnsettled(log);
        _settling.Request(0);
        Assert.Equal(3, _scheduler.RunAll(most: 3));
        _journal.Drop(log);
        Assert.Equal(1, _scheduler.RunAll());
    }

    [Fact]
    public void While_both_files_are_full_only_small_parts_go_in()
    {
        using var journal = new CommitJournal(_disk, "/data", 4 * 1024 * 1024, TimeProvider.System, NullLogger.Instance);
        journal.Prepare();
        var log = journal.LogOf(JournalHarness.PartitionOf(0), JournalHarness.TopicId);
        var round = new JournalRound();
        // A 32nd of a file.
        for (var rounds = 0; ; rounds++)
        {
            Assert.Equal(128 * 1024, journal.MaxBytesOfLog);
            round.Clear();
            Assert.True(round.TryAdd(log, journal.GenerationOf(log), 0, 0, 128 * 1024, out _));
            if (journal.TryCommit(round)) continue;
            Assert.InRange(rounds, 60, 64);
            break;
        }

        Assert.Equal(JournalPace.SmallBytes, journal.MaxBytesOfLog);
        journal.Free(0);
        Assert.Equal(128 * 1024, journal.MaxBytesOfLog);
    }

    private sealed class Queued : IFlushScheduler
    {
        private readonly Queue<IFlushable> _queue = new();

        public void Enqueue(IFlushable log) => _queue.Enqueue(log);

        public void EnqueueAfter(IFlushable log, long delayMs) => _queue.Enqueue(log);

        /// <summary>Runs what is queued, and what that queues; answers how much it was.</summary>
        public int RunAll(int most = 100)
        {
            var count = 0;
            for (; count < most && _queue.TryDequeue(out var next); count++) next.RunFlush();
            return count;
        }
    }
}
