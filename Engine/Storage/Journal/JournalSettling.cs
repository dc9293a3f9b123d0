using Microsoft.Extensions.Logging;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// Has all logs that a full file of the commit journal holds bytes of synced, and the file used again; after a failure of the journal, all
/// that either holds, and the journal removed. What cannot be synced is tried again, and the file kept until then. Runs on flush threads.
/// </summary>
internal sealed class JournalSettling(
    CommitJournal journal, IFlushScheduler scheduler, Func<TopicPartition, PartitionLog?> openLog, ILogger logger)
{
    private const long RetryMs = 1000;
    private int _isPreparing;
    private int _isAbandoning;

    /// <summary>Has a file seen to.</summary>
    public void Request(int file) => Soon(() => TrySettle(file));

    /// <summary>Has the files made, when the journal is wanted for the first time; and removed when it has failed.</summary>
    public void Attend()
    {
        switch (journal.State)
        {
            case JournalState.Absent when Interlocked.Exchange(ref _isPreparing, 1) == 0:
                Soon(Prepare);
                break;
            case JournalState.Failed when Interlocked.Exchange(ref _isAbandoning, 1) == 0:
                Soon(TryAbandon);
                break;
        }
    }

    // Not at once: in this way nothing happens when the threads have been told to end.
    private void Soon(Func<bool> attempt) => scheduler.EnqueueAfter(new Work(this, attempt), 0);

    private bool Prepare()
    {
        journal.Prepare();
        return true;
    }

    private bool TrySettle(int file)
    {
        // After a failure, all of it is to be abandoned.
        if (journal.State != JournalState.Ready) return true;
        if (!AreSettled(file)) return false;
        journal.Free(file);
        return true;
    }

    private bool TryAbandon()
    {
        if (!(AreSettled(0) & AreSettled(1))) return false;
        journal.Abandon();
        return true;
    }

    private void Run(Work work)
    {
        try
        {
            if (work.Attempt()) return;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            logger.LogWarning(failure, "The commit journal could not be seen to; it is tried again.");
        }

        scheduler.EnqueueAfter(work, RetryMs);
    }

    private bool AreSettled(int file)
    {
        var all = true;
        foreach (var log in journal.LogsIn(file)) all &= IsSettled(log);
        return all;
    }

    // A log that is not open was synced when it was closed, unless it says otherwise.
    private bool IsSettled(JournalLog log) =>
        openLog(log.Partition) is { } open && open.TopicId == log.TopicId ? open.Settle() : !journal.NeedsRestore(log);

    private sealed class Work(JournalSettling owner, Func<bool> attempt) : IFlushable
    {
        public Func<bool> Attempt => attempt;

        public void RunFlush() => owner.Run(this);
    }
}
