using Microsoft.Extensions.Logging.Abstractions;
using OrleansLog.Engine.Storage;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Storage;

/// <summary>How the flush threads share what is queued.</summary>
public sealed class FlushSchedulerTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);
    private readonly FaultyFileSystem _disk = new();
    private readonly FlushScheduler _scheduler = new(maxThreads: 2, TimeProvider.System);
    private readonly CommitJournal _journal;

    public FlushSchedulerTests()
    {
        _disk.CreateDirectory("/data");
        _journal = new CommitJournal(_disk, "/data", 4 * 1024 * 1024, TimeProvider.System, NullLogger.Instance);
        _journal.Prepare();
        _scheduler.UseJournal(_journal, new JournalSettling(_journal, _scheduler, static _ => null, NullLogger.Instance), null);
    }

    public void Dispose()
    {
        _scheduler.Dispose();
        _journal.Dispose();
    }

    [Fact]
    public async Task A_large_flush_has_its_turn_while_one_thread_is_held_up_and_joint_rounds_follow_each_other()
    {
        using var free = new ManualResetEventSlim();
        var held = new TaskCompletionSource();
        using var rounds = new SemaphoreSlim(0);
        var isOver = false;
        var own = new FlushGate(_scheduler, static () => 1, () =>
        {
            held.SetResult();
            return free.Wait(4 * Limit); // longer than anything here waits for the other thread
        });
        FlushGate? other = null;
        // Each has the other queued while it is flushed: one always waits for the next joint round.
        var one = new FlushGate(_scheduler, static () => 1, () => Again(other!), new Small());
        other = new FlushGate(_scheduler, static () => 1, () => Again(one), new Small());
        try
        {
            var blocked = own.WaitAsync(1, goesOnAnywhere: false, CancellationToken.None).AsTask();
            await held.Task.WaitAsync(Limit);
            one.Request();
            Assert.True(await rounds.WaitAsync(Limit));
            var large = new FlushGate(_scheduler, static () => 1, static () => true);
            await large.WaitAsync(1, goesOnAnywhere: false, CancellationToken.None).AsTask().WaitAsync(Limit);
            // And they go on after it.
            while (rounds.Wait(0))
            {
            }

            Assert.True(await rounds.WaitAsync(Limit));
            Assert.False(blocked.IsCompleted);
            free.Set();
            await blocked.WaitAsync(Limit);
        }
        finally
        {
            Volatile.Write(ref isOver, true);
            free.Set();
            // Its threads use what goes with this method.
            _scheduler.Dispose();
        }

        bool Again(FlushGate next)
        {
            rounds.Release();
            Thread.Sleep(1);
            if (!Volatile.Read(ref isOver)) next.Request();
            return true;
        }
    }

    private sealed class Small : IJournaledLog
    {
        public JournalLog? Journal => null;

        public bool MayShare => true;

        public JournalShare Collect(JournalRound round) => JournalShare.Refused;

        public void NoteJournaled()
        {
        }
    }
}
