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
    private int _isAbandoning;

    /// <summary>Has a file seen to.</summary>
    public void Request(int file) => Soon(new Work(this, file));

    /// <summary>Has the files made, when the journal is wanted for the first time; and removed when it has failed.</summary>
    public void Attend()
    {
        switch (journal.State)
        {
            case JournalState.Absent:
                Soon(new Work(this, -1));
                break;
            case JournalState.Failed when Interlocked.Exchange(ref _isAbandoning, 1) == 0:
                Soon(new Work(this, -1));
                break;
        }
    }

    // Not at once: in this way nothing happens when the threads have been told to end.
    private void Soon(Work work) => scheduler.EnqueueAfter(work, 0);

    private void Run(Work work)
    {
        try
        {
            switch (journal.State)
            {
                case JournalState.Absent:
                    journal.Prepare();
                    return;
                case JournalState.Ready when work.File >= 0 && AreSettled(work.File):
                    journal.Free(work.File);
                    return;
                case JournalState.Failed when AreSettled(0) & AreSettled(1):
                    journal.Abandon();
                    return;
                case JournalState.Preparing or JournalState.Off:
                    return;
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            logger.LogWarning(failure, "The commit journal could not be seen to.");
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

    private sealed class Work(JournalSettling owner, int file) : IFlushable
    {
        public int File => file;

        public void RunFlush() => owner.Run(this);
    }
}
